//! What a line of each language of the table defines.

use std::path::Path;

use crate::source::{
    definitions::definition,
    document,
    language::{self, Language},
    table_languages::{LANGUAGES, PATTERNS},
};

/// The fence, a file, and lines with what they define; nothing where the kind is empty.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const CASES: &[Case] = &[
    (
        "erlang",
        "a.erl",
        &[
            ("-record(user, {id}).", "record", "user"),
            ("start_link(Args) ->", "method", "start_link"),
            ("    foo(Bar),", "", ""),
        ],
    ),
    (
        "haskell",
        "A.hs",
        &[
            ("data Tree a = Leaf", "data", "Tree"),
            ("insert :: Ord a => a -> Tree a", "method", "insert"),
            ("  x = 1", "", ""),
        ],
    ),
    (
        "ocaml",
        "a.ml",
        &[
            ("let rec fold f acc = function", "let", "fold"),
            ("module Store = struct", "module", "Store"),
        ],
    ),
    (
        "fsharp",
        "A.fs",
        &[("let inline add x y = x + y", "let", "add"), ("type Shape =", "type", "Shape")],
    ),
    (
        "zig",
        "a.zig",
        &[
            ("pub fn main() !void {", "fn", "main"),
            ("const limit = 3;", "const", "limit"),
            ("    run();", "", ""),
        ],
    ),
    (
        "dart",
        "a.dart",
        &[
            ("class Page extends Widget {", "class", "Page"),
            ("  Future<void> load(int id) async {", "method", "load"),
            ("    return load(1);", "", ""),
        ],
    ),
    (
        "r",
        "a.R",
        &[("fit <- function(x, y) {", "method", "fit"), ("limit <- 3", "constant", "limit")],
    ),
    (
        "julia",
        "a.jl",
        &[("function solve!(x)", "function", "solve!"), ("area(r) = pi * r^2", "method", "area")],
    ),
    (
        "perl",
        "a.pm",
        &[("sub connect {", "sub", "connect"), ("package My::Store;", "package", "Store")],
    ),
    ("powershell", "a.ps1", &[("function Get-Item {", "function", "Get-Item")]),
    (
        "hcl",
        "a.tf",
        &[
            ("resource \"aws_s3_bucket\" \"logs\" {", "resource", "logs"),
            ("variable \"region\" {", "variable", "region"),
        ],
    ),
    (
        "protobuf",
        "a.proto",
        &[
            ("message User {", "message", "User"),
            ("  rpc Login(A) returns (B);", "rpc", "Login"),
            ("  string name = 1;", "", ""),
        ],
    ),
    (
        "graphql",
        "a.graphql",
        &[("type User @key {", "type", "User"), ("extend type Query {", "type", "Query")],
    ),
    ("thrift", "a.thrift", &[("service Store {", "service", "Store")]),
    (
        "dockerfile",
        "Dockerfile",
        &[
            ("FROM rust:1 AS build", "target", "build"),
            ("ARG VERSION=1", "constant", "VERSION"),
            ("RUN make", "", ""),
        ],
    ),
    (
        "cmake",
        "CMakeLists.txt",
        &[
            ("add_library(core STATIC", "definition", "core"),
            ("function(check name)", "function", "check"),
        ],
    ),
    ("nix", "a.nix", &[("  services.nginx = {", "constant", "services.nginx")]),
    (
        "yaml",
        "ci.yml",
        &[("jobs:", "target", "jobs"), ("  build:", "constant", "build"), ("- run: x", "", "")],
    ),
    ("clojure", "a.clj", &[("(defn start [port]", "defn", "start"), ("(start 1)", "", "")]),
    (
        "lisp",
        "a.el",
        &[("(defun my-save ()", "defun", "my-save"), ("(define (square x)", "define", "square")],
    ),
    ("nim", "a.nim", &[("proc parse*(s: string): int =", "proc", "parse")]),
    (
        "solidity",
        "A.sol",
        &[
            ("contract Token is Base {", "contract", "Token"),
            ("  function mint(uint a) public {", "function", "mint"),
        ],
    ),
    (
        "elm",
        "A.elm",
        &[
            ("type alias Model =", "definition", "Model"),
            ("update : Msg -> Model", "method", "update"),
        ],
    ),
    ("crystal", "a.cr", &[("  def self.open?(path)", "def", "open?")]),
    (
        "fortran",
        "a.f90",
        &[("subroutine solve(a, b)", "subroutine", "solve"), ("  type :: point", "type", "point")],
    ),
    (
        "pascal",
        "a.pas",
        &[
            ("procedure TForm.Close(Sender: TObject);", "procedure", "Close"),
            ("  TForm = class(TBase)", "method", "TForm"),
        ],
    ),
    ("ada", "a.adb", &[("   procedure Push (Item : in Integer) is", "procedure", "Push")]),
    (
        "vim",
        "a.vim",
        &[
            ("function! s:Save(path) abort", "function", "Save"),
            ("let g:limit = 3", "constant", "limit"),
        ],
    ),
    ("tcl", "a.tcl", &[("proc ::net::open {host} {", "proc", "open")]),
    (
        "verilog",
        "a.sv",
        &[("module counter(", "module", "counter"), ("`define WIDTH 8", "constant", "WIDTH")],
    ),
    ("vhdl", "a.vhd", &[("entity counter is", "entity", "counter")]),
    (
        "d",
        "a.d",
        &[("final class Pool", "class", "Pool"), ("void drain(int n)", "method", "drain")],
    ),
    (
        "wgsl",
        "a.wgsl",
        &[
            ("@vertex fn shade(x: f32) {", "fn", "shade"),
            ("float light(vec3 p) {", "method", "light"),
        ],
    ),
];

#[test]
fn every_language_finds_its_definitions() {
    for (fence, file, lines) in CASES {
        let language = Language::of(Path::new(file));
        assert_eq!(language::fence_name(Path::new(file)), *fence, "{file}");
        for (line, kind, name) in *lines {
            let found = definition(language, line)
                .map(|found| (crate::source::definitions::kind_word(found.kind), found.name));
            let expected = (!kind.is_empty()).then_some((*kind, *name));
            assert_eq!(found, expected, "{fence}: {line}");
        }
    }
}

#[test]
fn every_row_has_a_pattern_that_compiles_and_a_case() {
    assert!(PATTERNS.iter().all(Option::is_some));
    let missing: Vec<&str> = LANGUAGES
        .iter()
        .map(|language| language.fence)
        .filter(|fence| !CASES.iter().any(|(known, _, _)| known == fence))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_comment_above_a_definition_is_its_summary() {
    for (file, text) in [
        ("a.zig", "// Opens the store.\npub fn open() void {}\n"),
        ("a.hs", "-- Opens the store.\nopen :: IO ()\n"),
        ("a.erl", "% Opens the store.\nopen(X) ->\n"),
        ("a.ps1", "# Opens the store.\nfunction Open-Store {\n"),
        ("a.clj", "; Opens the store.\n(defn open [])\n"),
        ("a.proto", "/* Opens the store. */\nmessage Open {\n"),
        ("a.ml", "(* Opens the store. *)\nlet open_store () = ()\n"),
    ] {
        let document = document::read(text, Language::of(Path::new(file)));
        let summary = document.definitions.first().map(|found| found.summary.to_string());
        assert!(summary.is_some_and(|summary| summary.contains("Opens the store")), "{file}");
    }
}
