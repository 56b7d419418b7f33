//! Where names are used as code: in several languages, by the definitions around, and what is left out.

use serde_json::{Value, json};

use crate::{
    search::encoded,
    server::{Server, Setup, eventually, write},
};

/// The uses of `hop` in each language: after each `use` in the comments comes what encloses the line.
const FILES: [(&str, &str); 9] = [
    (
        "a.rs",
        "use crate::hop;\n\n/// Calls hop().\npub fn hop(n: u32) -> u32 {\n    hop(n - 1) // not hop\n}\n\nimpl Quokka {\n    fn run(&self) {\n        let text = \"hop\";\n        let far = hop(2) + hop_far(text);\n        /* hop\n           hop */\n    }\n}\n",
    ),
    (
        "b.py",
        "from quokka import hop\n\nclass Fence:\n    \"\"\"Uses hop.\"\"\"\n    def over(self):\n        # hop\n        name = 'hop'\n        return f\"{hop(name)} hop\"\n",
    ),
    (
        "c.ts",
        "export function leap(n: number) {\n  const text = `hop ${hop(n)}`;\n  return obj.hop + $hop; // hop\n}\nconst far = hop(2);\n",
    ),
    ("d.go", "package d\n\nfunc Leap() int {\n\ts := \"hop\"\n\treturn hop(len(s))\n}\n"),
    (
        "E.java",
        "class E {\n  public int leap() {\n    String s = \"hop\";\n    return hop(s); // hop\n  }\n}\n",
    ),
    (
        "f.c",
        "#include \"hop.h\"\n\nint leap(void)\n{\n    const char *s = \"hop\"; /* hop */\n    return hop(s);\n}\n",
    ),
    ("g.rb", "class G\n  def leap\n    # hop\n    puts 'hop'\n    hop(1)\n  end\nend\n"),
    ("h.sh", "leap() {\n  # hop\n  echo 'hop'\n  hop 1\n}\n"),
    ("notes.md", "# hop\n\nCall `hop` to hop.\n"),
];

fn setup() -> Setup {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    FILES.iter().for_each(|(path, text)| write(&project, path, text));
    write(&project, ".env.rs", "fn hidden() { hop(1) }\n");
    write(&project, "build/out.rs", "fn hidden() { hop(1) }\n");
    write(&project, ".gitignore", "build/\n");
    setup
}

async fn uses(server: &Server, name: &str) -> Value {
    let path = format!("/api/projects/demo/uses?name={}", encoded(name));
    eventually("the index is built", async || {
        let (status, found) = server.get(&path).await;
        (status == 200).then_some(found)
    })
    .await
}

/// Each group as its path, the definition around, and the lines.
fn shown(found: &Value) -> Vec<String> {
    let groups = found["groups"].as_array().unwrap().iter();
    let group = |group: &Value| {
        let within = match &group["within"] {
            Value::Null => String::new(),
            it => format!("{} {}", it["kind"].as_str().unwrap(), it["name"].as_str().unwrap()),
        };
        let lines = group["uses"].as_array().unwrap().iter().map(|it| it["line"].to_string());
        let lines: Vec<_> = lines.collect();
        format!("{} [{within}] {}", group["path"].as_str().unwrap(), lines.join(","))
    };
    groups.map(group).collect()
}

#[actix::test]
async fn uses_are_code_in_every_language_by_the_definition_around_them() {
    let server = setup().start();
    let found = uses(&server, "hop").await;
    assert_eq!(
        shown(&found),
        [
            "E.java [method leap] 4",
            "a.rs [] 1",
            "a.rs [fn hop] 5",
            "a.rs [fn run] 11",
            "b.py [] 1",
            "b.py [def over] 8",
            "c.ts [function leap] 2,3",
            "c.ts [constant far] 5",
            "d.go [func Leap] 5",
            "f.c [method leap] 6",
            "g.rb [def leap] 5",
            "h.sh [method leap] 4",
        ],
        "{found:#}"
    );
    assert_eq!(found["definitions"]["total"], 1, "{found}");
    assert_eq!(found["more"], false);
    // Only what is a use is marked.
    let pieces = &found["groups"][3]["uses"][0]["pieces"];
    assert_eq!(
        pieces,
        &json!([
            { "text": "        let far = ", "hit": false },
            { "text": "hop", "hit": true },
            { "text": "(2) + hop_far(text);", "hit": false },
        ])
    );
}

#[actix::test]
async fn a_name_with_several_definitions_or_none_is_said() {
    let setup = setup();
    let project = setup.project_dir();
    write(&project, "two.rs", "fn hop() {}\n\nfn other() {\n    wombat::dig();\n}\n");
    let server = setup.start();
    let found = uses(&server, "hop").await;
    assert_eq!(found["definitions"]["total"], 2, "{found}");
    assert!(!shown(&found).iter().any(|it| it.starts_with("two.rs")), "{found}");
    let unknown = uses(&server, "wombat").await;
    assert_eq!(shown(&unknown), ["two.rs [fn other] 4"]);
    assert_eq!(unknown["definitions"]["total"], 0);
    assert_eq!(uses(&server, "nothing_of_this_name").await["groups"], json!([]));
    // Other spellings are other names.
    assert_eq!(uses(&server, "Hop").await["groups"], json!([]));
    for bad in ["", "a b", "()", &"x".repeat(201)] {
        let path = format!("/api/projects/demo/uses?name={}", encoded(bad));
        assert_eq!(server.get(&path).await.0, 422, "{bad}");
    }
}

#[actix::test]
async fn uses_are_bounded() {
    let setup = Setup::scripted();
    let project = setup.project_dir();
    write(&project, "many.rs", &format!("fn all() {{\n{}}}\n", "    hop();\n".repeat(400)));
    let server = setup.start();
    let found = uses(&server, "hop").await;
    let lines = found["groups"][0]["uses"].as_array().unwrap().len();
    assert_eq!((lines, &found["more"]), (300, &json!(true)));
}
