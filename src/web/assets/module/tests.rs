//! Tests of modules as functions.

use super::*;

fn parse(source: &str) -> Result<Module, SyntaxError> {
    Module::parse("views/menu.js", source)
}

fn written(source: &str) -> String {
    let mut text = String::new();
    parse(source).unwrap().write("views/menu.js", &mut text);
    text
}

#[test]
fn a_module_becomes_a_function_with_its_imports_and_exports() {
    let source = "/** A menu. */\n\
        import * as api from '../api.js';\n\
        import { element, setText as set } from './dom.js';\n\
        import {\n  a,\n  b,\n} from './long.js';\n\
        import './prose.js';\n\n\
        /** The most. */\n\
        export const MAX = 3, // items\n  other = 4;\n";
    assert!(parse(source).unwrap_err().what.contains("one constant"));
    let source = source.replace(", // items\n  other = 4", "");
    assert_eq!(
        written(&source),
        "// views/menu.js\n\
         $modules['views/menu.js'] ??= (() => {\n\
         const api = $modules['api.js'];\n\
         const { element, setText: set } = $modules['views/dom.js'];\n\
         const { a, b } = $modules['views/long.js'];\n\
         const MAX = 3;\n\
         return { MAX };\n\
         })();\n"
    );
    let imports: Vec<String> =
        parse(&source).unwrap().imports.into_iter().map(|import| import.path).collect();
    assert_eq!(imports, ["api.js", "views/dom.js", "views/long.js", "views/prose.js"]);
}

#[test]
fn every_declaration_that_is_exported_is_returned() {
    let source = "export const a = (b, c) => [b, c];\n\
        export function d() { return { export: 1 }; }\n\
        export async function e() { await d(); }\n\
        export class F extends G { x = y.import; }\n\
        const hidden = 1, more = 2;\n";
    let module = parse(source).unwrap();
    assert_eq!(module.exports, ["a", "d", "e", "F"]);
    assert_eq!(
        module.code,
        source.replace("export c", "c").replace("export f", "f").replace("export a", "a")
    );
}

#[test]
fn a_module_that_is_loaded_later_is_named_from_the_top() {
    let source =
        "const f = async () => (await import('./dom.js')).a;\n  import('../b.js').then(f);\n";
    let module = parse(source).unwrap();
    assert_eq!(module.loads, ["views/dom.js", "b.js"]);
    assert_eq!(
        module.code,
        "const f = async () => (await $load('views/dom.js')).a;\n  $load('b.js').then(f);\n"
    );
}

#[test]
fn forms_that_are_not_known_are_errors_with_their_line() {
    for line in [
        "import a from './a.js';",
        "import a, { b } from './a.js';",
        "import { a } from 'a';",
        "import { a } from '/a.js';",
        "import { a } from '../../a.js';",
        "import { a } from './a.js' with { type: 'json' };",
        "import { a } from './a.js'",
        "import { 'a b' as c } from './a.js';",
        "import.meta.url;",
        "f(import.meta);",
        "import(`./a.js`);",
        "import(a);",
        "import('./a.js', {});",
        "{ import './a.js'; }",
        "a();\nimport './a.js';",
        "export default 1;",
        "export let a = 1;",
        "export var a = 1;",
        "export { a };",
        "export * from './a.js';",
        "export const { a } = b;",
        "export const [a] = b;",
        "export function* a() {}",
        "export async const a = 1;",
        "{ export const a = 1; }",
        "const a = await b();",
        "for await (const a of b) c();",
        "const $modules = 1;",
        "$load('a.js');",
    ] {
        let source = format!("// A comment\n/* more\n */\n{line}\n");
        let error = parse(&source).expect_err(line);
        assert_eq!(error.line, 4 + line.matches('\n').count(), "{line}: {error}");
    }
}
