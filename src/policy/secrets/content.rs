//! Which content is secret whatever the file's name is: private keys and what is sealed like them.

/// Bytes of a file that are looked at. A key comes first, or after a few certificates.
pub(crate) const HEAD_BYTES: usize = 16 << 10;

/// What a private key's first line ends with, in front of its dashes.
const KEY_WORDS: &[u8] = b"PRIVATE KEY";

/// What a file begins with that is a secret as a whole.
const OPENINGS: [&[u8]; 3] = [b"PuTTY-User-Key-File-", b"$ANSIBLE_VAULT;", b"AGE-SECRET-KEY-1"];

/// Bytes around such a line that are looked at, so that many of them cost no more than few.
const WINDOW: usize = 512;

/// Shortest run of base64 after an armour line within a text that makes it a key.
const SHORTEST_BODY: usize = 16;

/// Whether the head of a file says that it holds a private key. Code and prose that only speak of
/// one hold none: there the line stands in quotes, or nothing like a key comes after it.
pub(crate) fn is_private_key(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // Text of two bytes a character: what is left of it without the zeros is the same text.
    let is_wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    match is_wide || memchr::memchr(0, head.get(..64).unwrap_or(head)).is_some() {
        true => {
            let narrow: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
            says_key(&narrow)
        }
        false => says_key(head),
    }
}

fn says_key(head: &[u8]) -> bool {
    let text = after_mark(head).trim_ascii_start();
    if OPENINGS.iter().any(|opening| text.starts_with(opening)) {
        return true;
    }
    // An age identity has comments above it.
    let is_age = |line: &[u8]| line.trim_ascii_start().starts_with(OPENINGS[2]);
    if memchr::memmem::find(text, OPENINGS[2]).is_some()
        && text.split(|byte| *byte == b'\n').any(is_age)
    {
        return true;
    }
    memchr::memmem::find_iter(text, KEY_WORDS).any(|at| is_key_at(text, at))
}

/// The text without a mark of its byte order.
fn after_mark(head: &[u8]) -> &[u8] {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    marks.iter().find_map(|mark| head.strip_prefix(*mark)).unwrap_or(head)
}

/// Whether the words at `at` stand in the first line of a key that follows.
fn is_key_at(text: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(WINDOW);
    let newline = text[from..at].iter().rposition(|byte| *byte == b'\n');
    let line_start = newline.map_or(from, |end| from + end + 1);
    let before = &text[line_start..at];
    let Some(begin) = memchr::memmem::rfind(before, b"BEGIN ") else {
        return false;
    };
    let (indent, label) = (&before[..begin], &before[begin + b"BEGIN ".len()..]);
    let is_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    let dashes = indent.trim_ascii_end().iter().rev().take_while(|byte| **byte == b'-').count();
    if dashes < 4 || !label.iter().all(is_label) {
        return false;
    }
    let rest = &text[at + KEY_WORDS.len()..];
    let rest = &rest[..rest.len().min(WINDOW)];
    let rest = rest.strip_prefix(b" BLOCK").unwrap_or(rest).trim_ascii_start();
    let end = rest.iter().take_while(|byte| **byte == b'-').count();
    if end < 4 {
        return false;
    }
    let rest = &rest[end..];
    let indent = indent.trim_ascii();
    let is_own_line = indent.iter().all(|byte| *byte == b'-');
    let line_end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    if is_own_line && rest[..line_end].trim_ascii().is_empty() {
        // At the top it is what the file is; further down a text may show what one looks like.
        return line_start == 0 || is_body(&rest[line_end..]);
    }
    has_escaped_body(rest)
}

/// Whether the lines after an armour line are a key's, not an ellipsis, a placeholder or the end.
fn is_body(rest: &[u8]) -> bool {
    let line = rest.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|it| !it.is_empty());
    let Some(line) = line else {
        return false;
    };
    let holds = |what: &[u8]| memchr::memmem::find(line, what).is_some();
    !(holds(b"...") || holds("…".as_bytes()) || holds(b"<") || holds(b"```") || holds(b"-----"))
}

/// Whether a key goes on within the same string, as in JSON: after a line break that is written
/// `\n` comes base64.
fn has_escaped_body(rest: &[u8]) -> bool {
    let unslashed: &[&[u8]] = &[b"\\\\r\\\\n", b"\\\\n", b"\\r\\n", b"\\n"];
    let Some(body) = unslashed.iter().find_map(|&escape| rest.strip_prefix(escape)) else {
        return false;
    };
    // A literal that is put together from lines has its quotes between them.
    let between = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`+,.\\".contains(byte);
    let start = body.iter().take(80).take_while(|byte| between(byte)).count();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let length =
        body[start..].iter().take(SHORTEST_BODY).take_while(|byte| is_base64(byte)).count();
    length == SHORTEST_BODY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p10_a_private_key_is_known_by_its_head_in_every_dress() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n",
            "-----BEGIN RSA PRIVATE KEY-----\nhidden-value\n",
            "-----BEGIN EC PRIVATE KEY-----\r\nMHcCAQEEIIrYSSNQFaA2\r\n",
            "-----BEGIN DSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIFHDBOBgkqhkiG9w0B\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBF\n",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\n",
            "\u{feff}\n\n  -----BEGIN PRIVATE KEY-----\n  MIIE\n",
            "-----BEGIN PRIVATE KEY-----",
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
            "$ANSIBLE_VAULT;1.1;AES256\n6638\n",
            "# created: 2024-01-01\n# public key: age1\nAGE-SECRET-KEY-1QQPQYRQSZ\n",
            "Bag Attributes\n  localKeyID: 01\nKey Attributes: <No Attributes>\n\
             -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n",
            "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n\
             -----BEGIN PRIVATE KEY-----\nMIIE\n",
            "tls:\n  key: |\n    -----BEGIN RSA PRIVATE KEY-----\n    MIIEpAIBAAKCAQEA\n",
            "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B\"}",
            "const KEY = \"-----BEGIN PRIVATE KEY-----\\n\" +\n  \"MIIEvQIBADANBgkqhkiG9w0B\\n\";",
        ] {
            assert!(is_private_key(text.as_bytes()), "{text:?}");
        }
        let wide: Vec<u8> = "-----BEGIN PRIVATE KEY-----\r\nMIIE\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(is_private_key(&wide));
        assert!(is_private_key(&[&[0xff, 0xfe], wide.as_slice()].concat()));
    }

    #[test]
    fn what_only_speaks_of_a_key_holds_none() {
        for text in [
            "",
            "MARK = \"-----BEGIN RSA PRIVATE KEY-----\"\n\ndef parse(text):\n    pass\n",
            "const (\n\tbegin = \"-----BEGIN PRIVATE KEY-----\"\n\tprivateKeyFooterOfPem = 1\n)\n",
            "if line == '-----BEGIN OPENSSH PRIVATE KEY-----':\n    key_lines_of_the_file = []\n",
            "format!(\"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\")",
            "# How a key looks\n\n```\n-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n```\n",
            "Paste it:\n-----BEGIN PRIVATE KEY-----\n<your key>\n",
            "Then comes\n-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B\n",
            "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE\n",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ user@host\n",
            "A PRIVATE KEY is what must stay private. BEGIN with reading.\n",
            "let opening = \"PuTTY-User-Key-File-\";",
            "fn is_age(line: &str) -> bool { line.starts_with(\"AGE-SECRET-KEY-1\") }",
        ] {
            assert!(!is_private_key(text.as_bytes()), "{text:?}");
        }
        let deep = format!("{}-----BEGIN PRIVATE KEY-----\nMIIE\n", "fn a() {}\n".repeat(2000));
        assert!(!is_private_key(deep.as_bytes()), "the head ends before it");
    }
}
