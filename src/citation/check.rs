//! Checks references against the project's files. Reads files and therefore blocks.

use std::path::Path;

use super::{
    Citation, References,
    anchor::{Anchor, Standing},
    project_files::{Absence, Look, ProjectFiles},
    verdict::{ProjectContents as _, verdict},
};
use crate::{history::checkout::Checkout, project::roots};

/// Files of one name that are searched for lines whose file is gone.
const MAX_NAMESAKES: usize = 8;

/// Checks references in their order. `read` are the files that the agent has seen. What says nothing
/// of the project is left out.
pub(crate) fn check(
    project: &ProjectFiles,
    mentioned: &References,
    read: &[String],
) -> Vec<Citation> {
    let look = project.look();
    let mut citations: Vec<Citation> =
        mentioned.iter().filter_map(|written| verdict(written, &look, read)).collect();
    let commits = project.head_commits();
    let commit_of = |file: &str| {
        let (of, _) = roots::split(Path::new(file)).unzip();
        let is_its = |it: &&Checkout| it.member.is_none() || it.member.as_deref() == of;
        commits.iter().find(is_its).map(|it| it.commit.clone())
    };
    let mut contents = Contents::new(project);
    for at in by_file(&citations) {
        let Some(citation) = citations.get_mut(at).filter(|it| it.found && it.commit.is_none())
        else {
            continue;
        };
        let commit = commit_of(citation.file());
        if let Ok(content) = contents.of(citation.file()) {
            citation.anchor = Some(Anchor::of(content, citation.lines(), commit));
        }
    }
    citations
}

/// What has become of each citation, in their order.
pub(crate) fn standings(project: &ProjectFiles, citations: &[Citation]) -> Vec<Standing> {
    let look = project.look();
    let mut standings = vec![Standing::Unknown; citations.len()];
    let mut contents = Contents::new(project);
    for at in by_file(citations) {
        let (Some(citation), Some(standing)) = (citations.get(at), standings.get_mut(at)) else {
            continue;
        };
        let Some(anchor) = &citation.anchor else { continue };
        *standing = match contents.of(citation.file()) {
            Ok(content) => anchor.standing(content, citation.lines()),
            Err(Absence::Gone) => elsewhere(citation, anchor, &look, &mut contents),
            Err(Absence::Withheld) => Standing::Unknown,
        };
    }
    standings
}

/// What has become of a citation whose file is gone: a file of the same name may have its lines.
fn elsewhere(
    citation: &Citation,
    anchor: &Anchor,
    look: &Look<'_>,
    contents: &mut Contents<'_>,
) -> Standing {
    let path = citation.file();
    let name = path.rsplit('/').next().unwrap_or(path);
    if look.namesakes(name).files.iter().any(|file| file == path) {
        contents.project.forget_names();
    }
    for file in look.namesakes(name).files.into_iter().take(MAX_NAMESAKES) {
        let Ok(content) = contents.of(&file) else { continue };
        let line = match anchor.standing_elsewhere(content, citation.lines()) {
            Standing::Fresh => citation.lines().map(|lines| lines.first),
            Standing::Moved { line, .. } => line,
            _ => continue,
        };
        return Standing::Moved { file: Some(file), line };
    }
    Standing::Gone
}

/// The numbers of the citations, those of one file together.
fn by_file(citations: &[Citation]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..citations.len()).collect();
    order.sort_by_key(|at| citations.get(*at).map(Citation::file));
    order
}

/// The contents of files, of which the last is kept.
struct Contents<'a> {
    project: &'a ProjectFiles,
    last: Option<(String, Result<Vec<u8>, Absence>)>,
}

impl<'a> Contents<'a> {
    fn new(project: &'a ProjectFiles) -> Self {
        Self { project, last: None }
    }

    fn of(&mut self, path: &str) -> Result<&[u8], Absence> {
        let kept = self.last.take().filter(|(of, _)| of == path);
        let read = || (path.to_owned(), self.project.read(path));
        let (_, content) = self.last.insert(kept.unwrap_or_else(read));
        content.as_deref().map_err(|absence| *absence)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        citation::mention,
        policy::{Policy, Secrets},
    };

    fn checked(text: &str, read: &[&str]) -> Vec<String> {
        let project = tempfile::tempdir().unwrap();
        let root = project.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("src/deep")).unwrap();
        fs::write(root.join("src/parser.rs"), "one\ntwo\nthree").unwrap();
        fs::write(root.join("src/deep/big.rs"), "x\n".repeat(1000)).unwrap();
        fs::write(root.join(".env"), "TOKEN=1").unwrap();
        fs::create_dir(root.join("src/x.rs")).unwrap();
        let policy = Policy::new(root.clone(), Secrets::new(&[]).unwrap());
        let text = text.replace("ROOT", root.to_str().unwrap());
        let mut mentioned = References::default();
        let mut rest = text.as_str();
        while let Some((_, mention, after)) = mention::find(rest) {
            mentioned.add(&mention);
            rest = after;
        }
        let read: Vec<String> = read.iter().map(|&file| file.to_owned()).collect();
        let project = ProjectFiles::new(policy, root.clone(), 500);
        let citations = check(&project, &mentioned, &read);
        let shown = citations.into_iter().map(|it| {
            let file = it.file.map(|file| format!(" = {file}")).unwrap_or_default();
            let read = if it.read { ", read" } else { "" };
            let line = format!(
                "{}{file}: {}{read}",
                it.reference.path,
                it.why.unwrap_or("found".to_owned())
            );
            line.replace(root.to_str().unwrap(), "ROOT")
        });
        shown.collect()
    }

    #[test]
    fn a_reference_is_found_only_where_file_and_line_exist() {
        assert_eq!(
            checked(
                "src/parser.rs:3 src/parser.rs:4 src/parser.rs:2-9 src/parser.rs:0 src/gone.rs",
                &[]
            ),
            [
                "src/parser.rs: found",
                "src/parser.rs: it has only 3 lines",
                "src/parser.rs: it has only 3 lines",
                "src/parser.rs: lines are counted from 1",
                "src/gone.rs: there is no such file",
            ]
        );
    }

    #[test]
    fn a_citation_tells_files_that_were_read_from_files_only_named() {
        assert_eq!(
            checked("src/parser.rs:1 parser.rs:2 src/deep/big.rs:7", &["src/parser.rs"]),
            [
                "src/parser.rs: found, read",
                "parser.rs = src/parser.rs: found, read",
                "src/deep/big.rs: found"
            ]
        );
        assert_eq!(
            checked("parser.rs:2 other.rs:2", &[]),
            ["parser.rs = src/parser.rs: found", "other.rs: there is no such file"],
            "the only file of the name is meant, read or not"
        );
    }

    #[test]
    fn other_spellings_lead_to_the_same_file() {
        assert_eq!(
            checked("ROOT/src/parser.rs:1 and ./src/parser.rs", &["src/parser.rs"]),
            [
                "ROOT/src/parser.rs = src/parser.rs: found, read",
                "./src/parser.rs = src/parser.rs: found, read"
            ]
        );
    }

    #[test]
    fn p10_nothing_outside_and_no_secret_is_found_and_names_that_are_none_are_left_out() {
        assert_eq!(
            checked("../x/y.rs /etc/hosts.md config/.env Node.js src/x.rs github.com/a/b.go", &[]),
            ["../x/y.rs: it is not in the project", "/etc/hosts.md: it is not in the project",]
        );
    }
}
