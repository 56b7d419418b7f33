//! The address of a file in an editor or at a code host, of the template in the settings. Pure.

use std::path::Path;

use crate::{citation::address::percent_encoded, config::editor_url::EditorUrl, project::Project};

/// The address with `{line}` still in it; `None` for a path that leads nowhere.
pub(super) fn of(template: &EditorUrl, project: &Project, path: &str) -> Option<String> {
    let (root, inside) = project.roots.find(Path::new(path))?;
    let name = root.name.as_ref().unwrap_or(&project.name);
    let dir = root.dir.to_str()?.trim_start_matches('/');
    let replaced = template.as_str().replace("{project}", &percent_encoded(name.as_str()));
    let replaced = replaced.replace("{dir}", &percent_encoded(dir));
    Some(replaced.replace("{path}", &percent_encoded(inside.to_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{ProjectName, Roots};

    #[test]
    fn a_file_has_an_address_in_each_project_of_a_group() {
        let template = |text: &str| EditorUrl::parse(text).unwrap();
        let shop = Project::new(ProjectName::mend("shop"), Path::new("/srv/my code"));
        let name = ProjectName::mend;
        let members = [(name("api"), "/srv/api".into()), (name("web"), "/srv/web".into())];
        let roots = Roots::of_group(members).unwrap();
        let group = Project::of_roots(name("all"), roots);
        let (editor, host) = (
            template("vscode://file/{dir}/{path}:{line}"),
            template("https://example.org/{project}/blob/main/{path}#L{line}"),
        );
        for (project, path, in_editor, at_host) in [
            (
                &shop,
                "src/a b#{dir}.rs",
                "vscode://file/srv/my%20code/src/a%20b%23%7Bdir%7D.rs:{line}",
                "https://example.org/shop/blob/main/src/a%20b%23%7Bdir%7D.rs#L{line}",
            ),
            (
                &group,
                "web:src/a.ts",
                "vscode://file/srv/web/src/a.ts:{line}",
                "https://example.org/web/blob/main/src/a.ts#L{line}",
            ),
        ] {
            assert_eq!(of(&editor, project, path).as_deref(), Some(in_editor));
            assert_eq!(of(&host, project, path).as_deref(), Some(at_host));
        }
        assert_eq!(of(&editor, &group, "other:src/a.ts"), None);
    }
}
