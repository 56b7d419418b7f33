//! What counts as a use, and what as a call.

use super::*;

const STORE: &str = "/// Evicts old keys.\npub fn evict_old(age: u32) {\n    let keys = list_keys(age);\n    \
                     keys.push(\"list_none()\"); // calls list_never()\n}\n\n/// Lists.\nfn list_keys(age: u32) {}\n\
                     fn list_none() {}\nfn list_never() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    \
                     fn old_keys_go() {\n        evict_old(3);\n    }\n}\n";

fn calls(files: &[(&str, &str)], path: &str, name: &str) -> Calls {
    let (_project, index) = Index::of_files(files);
    let file = index.file_at(path.as_ref()).unwrap();
    let definition = index.files()[file as usize]
        .definitions()
        .into_iter()
        .find(|it| *it.name == *name)
        .unwrap();
    let text = index.text(file).unwrap();
    let lines: Vec<&str> = text.lines().skip(definition.line as usize).take(3).collect();
    of(&index, file, &definition, &lines)
}

fn places(uses: &[Use]) -> Vec<String> {
    let within =
        |it: &Use| it.within.as_ref().map_or(String::new(), |it| format!(" in {}", it.name));
    uses.iter().map(|it| format!("{}:{}{}", it.path, it.line, within(it))).collect()
}

#[test]
fn a_definition_is_used_by_code_of_its_language_and_not_by_comments_and_texts() {
    let calls = calls(
        &[
            ("src/store.rs", STORE),
            (
                "src/job.rs",
                "use crate::store::evict_old;\n\n// evict_old(1) comes later\nfn run() {\n    log(\"evict_old(2)\");\n    evict_old(9);\n}\n",
            ),
            ("src/note.rs", "/* evict_old(1);\nevict_old(2); */\nfn note() {}\n"),
            ("web/app.js", "function evictAll() {\n  evict_old(3);\n}\n"),
            ("tests/store.rs", "#[test]\nfn evicts() {\n    evict_old(1);\n}\n"),
            ("README.md", "# Store\n\n## Age\n\n`evict_old` throws keys away.\n"),
        ],
        "src/store.rs",
        "evict_old",
    );
    assert_eq!(places(&calls.callers), ["src/job.rs:6 in run"]);
    assert_eq!(
        places(&calls.tests),
        ["tests/store.rs:3 in evicts", "src/store.rs:16 in old_keys_go"]
    );
    assert_eq!(places(&calls.documents), ["README.md:5 in Age"]);
    let callees: Vec<&str> = calls.callees.iter().map(|it| &*it.definition.name).collect();
    assert_eq!(callees, ["list_keys"]);
}

#[test]
fn a_name_that_is_a_word_is_used_where_it_is_called_or_qualified() {
    let defined =
        |kind, name: &str| Definition { kind, name: name.into(), line: 1, summary: "".into() };
    for (kind, name, line, is_use) in [
        ("fn", "evict", "evict(1)", true),
        ("fn", "evict", "store::evict", true),
        ("fn", "evict", "self.evict(1)", true),
        ("fn", "evict", "self.evict = 1", false),
        ("func", "Start", "c := position.Start", false),
        ("fn", "evict", "let evict = 1;", false),
        ("fn", "evict", "we evict them", false),
        ("fn", "evict", "evicted(1)", false),
        ("def", "parse", "from urllib.parse import unquote", false),
        ("const", "MAX_AGE", "let a = MAX_AGE;", true),
        ("static", "pool", "a.pool", true),
        ("static", "pool", "the pool", false),
    ] {
        assert_eq!(is_used(line, &defined(kind, name), &["//"]), is_use, "{line}");
    }
}

#[test]
fn a_definition_of_the_same_name_is_no_use_and_its_uses_are_not_taken() {
    let calls = calls(
        &[
            ("a/shop.py", "class Shop:\n    def setup(self):\n        pass\n"),
            ("a/zoo.py", "class Zoo:\n    def setup(self):\n        pass\n"),
            ("a/run.py", "from a.shop import Shop\n\ndef run():\n    Shop().setup()\n"),
            ("a/feed.py", "from a.zoo import Zoo\n\ndef feed():\n    Zoo().setup()\n"),
        ],
        "a/shop.py",
        "setup",
    );
    assert_eq!(places(&calls.callers), ["a/run.py:4 in run"]);
}

#[test]
fn a_call_of_a_name_that_several_places_define_is_not_told() {
    let text = "def run():\n    prepare()\n    share_out()\n";
    let calls = calls(
        &[
            ("a/run.py", text),
            (
                "a/one.py",
                "def prepare():\n    pass\n\ndef share_out():\n    a = 1\n    b = 2\n    return a\n",
            ),
            ("a/two.py", "def prepare():\n    pass\n"),
        ],
        "a/run.py",
        "run",
    );
    let callees: Vec<&str> = calls.callees.iter().map(|it| &*it.definition.name).collect();
    assert_eq!(callees, ["share_out"]);
}
