//! Tests of putting the page together.

use super::*;

const DOCUMENT: &str = "<head>\n\
    <link rel=\"stylesheet\" href=\"/assets/a.css\">\n\
    <link rel=\"stylesheet\" href=\"/assets/b.css\" media=\"print\">\n\
    <script src=\"/assets/early.js\"></script>\n\
    <script type=\"module\" src=\"/assets/app.js\"></script>\n\
    </head>\n";

/// A page of these files, with a document and what it needs.
fn page(files: &[(&str, &str)]) -> Files {
    let basis = [
        ("index.html", DOCUMENT),
        ("a.css", "a {}\n"),
        ("b.css", "b {} /* c */\n"),
        ("early.js", "early(); // now\n"),
        ("icon.svg", "<svg/>"),
    ];
    let files = basis.iter().chain(files);
    files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn failure(files: &[(&str, &str)]) -> String {
    link(&page(files)).unwrap_err().to_string()
}

#[test]
fn a_document_loads_one_sheet_and_one_module() {
    let linked = link(&page(&[
        ("app.js", "import { b } from './views/b.js';\nb();\n"),
        ("views/b.js", "import { c } from '../c.js';\nexport const b = () => c;\n"),
        ("c.js", "export const c = 1;\n"),
    ]))
    .unwrap();
    assert_eq!(
        linked["index.html"],
        "<head>\n  <link rel=\"stylesheet\" href=\"/assets/index.css\">\n\
         <script src=\"/assets/early.js\"></script>\n\
         <script type=\"module\" src=\"/assets/app.js\"></script>\n</head>\n"
    );
    assert_eq!(linked["index.css"], "a {}\n@media print {\nb {}\n}\n");
    assert_eq!(linked["early.js"], "early();\n");
    assert_eq!(linked["icon.svg"], "<svg/>");
    let order: Vec<&str> =
        linked["app.js"].lines().filter_map(|line| line.strip_prefix("// ")).collect();
    assert_eq!(order, ["c.js", "views/b.js", "app.js"]);
    assert!(!linked.contains_key("views/b.js") && !linked.contains_key("a.css"), "{linked:?}");
}

#[test]
fn a_script_that_is_loaded_later_has_what_the_document_does_not_begin_with() {
    let linked = link(&page(&[
        ("app.js", "import './dom.js';\nimport('./views/menu.js');\nimport('./dom.js');\n"),
        ("dom.js", "export const a = 1;\n"),
        ("views/menu.js", "import '../dom.js';\nimport './item.js';\nimport('../far.js');\n"),
        ("views/item.js", "export const b = 1;\n"),
        ("far.js", "import './views/item.js';\nimport('./views/menu.js');\n"),
    ]))
    .unwrap();
    let scripts: Vec<&str> =
        linked.keys().map(String::as_str).filter(|path| path.ends_with(".js")).collect();
    assert_eq!(scripts, ["app.js", "early.js", "far.js", "views/menu.js"]);
    let modules = |path: &str| -> Vec<String> {
        linked[path]
            .lines()
            .filter_map(|line| line.strip_prefix("// "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(modules("views/menu.js"), ["views/item.js", "views/menu.js"]);
    assert_eq!(modules("far.js"), ["views/item.js", "far.js"]);
    assert!(
        linked["views/menu.js"]
            .starts_with("import { $base, $load, $modules } from '../app.js';\n")
    );
    assert!(linked["far.js"].starts_with("import { $base, $load, $modules } from './app.js';\n"));
}

#[test]
fn a_style_sheet_that_is_loaded_later_is_served_by_itself() {
    let linked = link(&page(&[
        ("app.js", "import('./views/b.js');\n"),
        ("views/b.js", "a.href = new URL('../styles/c.css', import.meta.url).href;\n"),
        ("styles/c.css", "/* c */\nc {}\n"),
    ]))
    .unwrap();
    assert_eq!(linked["styles/c.css"], "c {}\n");
    let wanted = "a.href = new URL('styles/c.css', $base).href;\n";
    assert!(linked["views/b.js"].contains(wanted), "{linked:?}");
    let error = failure(&[("app.js", "a = new URL('./c.css', import.meta.url);")]);
    assert_eq!(error, "app.js asks for c.css, which is missing");
}

#[test]
fn files_that_do_not_fit_together_are_refused_in_words() {
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("app.js", "a;\n'b")], "app.js: line 2: the string is never closed"),
        (&[("app.js", "import './b.js';")], "app.js asks for b.js, which is missing"),
        (&[("app.js", "import('./b.js');")], "app.js asks for b.js, which is missing"),
        (
            &[("app.js", "import { b, c } from './b.js';"), ("b.js", "export const b = 1;")],
            "app.js imports `c`, which b.js does not export",
        ),
        (
            &[
                ("app.js", "import './b.js';"),
                ("b.js", "import './c.js';"),
                ("c.js", "import './b.js';"),
            ],
            "modules import each other in a circle: b.js → c.js → b.js",
        ),
        (&[("app.js", ""), ("b.js", "")], "no document uses b.js"),
        (&[("app.js", ""), ("c.css", "")], "no document uses c.css"),
        (&[("app.js", ""), ("b.css", "a { b: url(c) }")], "b.css: line 1: `url("),
        (&[], "index.html asks for app.js, which is missing"),
    ];
    for (files, expected) in cases {
        let error = failure(files);
        assert!(error.contains(expected), "{error}, not {expected}");
    }
}

#[test]
fn a_module_that_two_documents_load_later_is_refused() {
    let other = DOCUMENT.replace("app.js", "admin.js");
    let error = failure(&[
        ("admin.html", &other),
        ("app.js", "import('./b.js');"),
        ("admin.js", "import('./b.js');"),
        ("b.js", ""),
    ]);
    assert_eq!(error, "b.js is loaded later by two documents: admin.js and app.js");
}

#[test]
fn a_document_may_do_without_scripts() {
    let document = "<link rel=\"stylesheet\" href=\"/assets/a.css\">\n";
    let linked = link(&page(&[("app.js", ""), ("plain.html", document)])).unwrap();
    assert_eq!(linked["plain.html"], "  <link rel=\"stylesheet\" href=\"/assets/plain.css\">\n");
    assert_eq!(linked["plain.css"], "a {}\n");
}

#[test]
fn a_document_that_is_not_written_as_expected_is_refused() {
    for (was, is) in [
        (
            "<script src=\"/assets/early.js\"></script>",
            "<script type=\"module\" src=\"/assets/app.js\"></script>",
        ),
        ("<script src=\"/assets/early.js\"></script>", "<script>early()</script>"),
        (
            "<script src=\"/assets/early.js\"></script>",
            "<script defer src=\"/assets/early.js\"></script>",
        ),
        (" media=\"print\"", " media=\"screen\""),
        ("rel=\"stylesheet\" href=\"/assets/a.css\"", "href=\"/assets/a.css\" rel=\"stylesheet\""),
    ] {
        let mut files = page(&[("app.js", "")]);
        files.insert("index.html".to_owned(), DOCUMENT.replace(was, is));
        assert!(matches!(link(&files), Err(LinkError::Document { .. })), "{is}");
    }
}
