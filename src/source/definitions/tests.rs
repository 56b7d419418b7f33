//! What a line of each language of its own pattern defines.

use super::*;

fn check(language: Language, cases: &[(&str, Option<(&str, &str)>)]) {
    for (line, expected) in cases {
        let found = definition(language, line).map(|found| (found.kind, found.name));
        assert_eq!(found, *expected, "{line}");
    }
}

#[test]
fn every_pattern_compiles() {
    for pattern in [
        &RUST,
        &PYTHON,
        &JAVASCRIPT,
        &GO,
        &JAVA,
        &C,
        &RUBY,
        &PHP,
        &SHELL,
        &SQL,
        &ELIXIR,
        &LUA,
        &CSS,
        &PROSE,
        &DATA,
    ] {
        assert!(pattern.is_some());
    }
}

#[test]
fn rust_definitions_are_found() {
    check(
        Language::Rust,
        &[
            ("pub(crate) async fn poll_next(&mut self)", Some(("fn", "poll_next"))),
            ("pub struct Pool<T> {", Some(("struct", "Pool"))),
            ("impl<T> Future for JoinHandle<T> {", Some(("impl", "JoinHandle"))),
            ("impl Registry {", Some(("impl", "Registry"))),
            ("macro_rules! select {", Some(("macro_rules!", "select"))),
            ("const MAX: usize = 3;", Some(("const", "MAX"))),
            ("pub mod pool;", None),
            ("mod pool {", Some(("mod", "pool"))),
            ("    let x = fn_call();", None),
        ],
    );
}

#[test]
fn python_definitions_are_found() {
    check(
        Language::Python,
        &[
            ("    async def fetch(self):", Some(("def", "fetch"))),
            ("class Worker(Base):", Some(("class", "Worker"))),
            ("MAX_RETRIES = 3", Some(("constant", "MAX_RETRIES"))),
            ("    x = 3", None),
        ],
    );
}

#[test]
fn javascript_definitions_are_found() {
    check(
        Language::JavaScript,
        &[
            ("export default async function load(x) {", Some(("function", "load"))),
            ("export class Store {", Some(("class", "Store"))),
            ("const RETRIES = 3", Some(("constant", "RETRIES"))),
            ("const retry = require('x')", None),
            ("  const go = async (a) => {", Some(("function", "go"))),
            ("Router.prototype.handle = function (req) {", Some(("export", "handle"))),
            ("  async close(force) {", Some(("method", "close"))),
            ("  if (a) {", None),
        ],
    );
}

#[test]
fn definitions_of_other_languages_are_found() {
    check(
        Language::Go,
        &[("func (s *Server) Serve(l net.Listener) error {", Some(("func", "Serve")))],
    );
    check(Language::Java, &[("  public static int parse(String s) {", Some(("method", "parse")))]);
    check(Language::Kotlin, &[("suspend fun load(id: Int) {", Some(("fun", "load")))]);
    check(
        Language::C,
        &[("static int open_file(const char *path)", Some(("method", "open_file")))],
    );
    check(Language::Ruby, &[("  def self.find(id)", Some(("def", "find")))]);
    check(Language::Sql, &[("CREATE TABLE IF NOT EXISTS users (", Some(("TABLE", "users")))]);
    check(Language::Prose, &[("## How to run", Some(("heading", "How to run")))]);
}

#[test]
fn a_kind_is_told_in_lower_case_and_an_unknown_one_plainly() {
    for (kind, word) in [("fn", "fn"), ("TABLE", "table"), ("gadget", "definition")] {
        assert_eq!(kind_word(kind), word);
    }
}

#[test]
fn go_constants_in_a_block_are_found() {
    check(
        Language::Go,
        &[
            ("\tMaxPageSize = 1000", Some(("constant", "MaxPageSize"))),
            ("\tRoleAdmin Role = \"ADMIN\"", Some(("constant", "RoleAdmin"))),
            ("\tcolon := position.Start", None),
            ("\tif A == b {", None),
            ("\ts.Name = name", None),
            ("\tName: name,", None),
            ("func (s *Server) Start() error {", Some(("func", "Start"))),
        ],
    );
}
