/**
 * The path that all addresses of this server begin with, such as `/guide`; empty at the root of its host. The
 * server writes it into its documents.
 */
export const BASE = globalThis.document?.documentElement?.dataset?.base ?? '';
