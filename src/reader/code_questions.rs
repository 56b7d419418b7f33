//! What people ask of the code without an agent: lines, directories, definitions, and who wrote it. Each
//! question with its deadline and the check of its answer.

use crate::project::Project;

use super::{
    Readers, checks,
    file_list::Directory,
    find_in_file::{self, FoundPlaces},
    protocol::{FileRefusal, PageOf, ReaderAnswer, ReaderError, ReaderRequest},
    questions::{PageError, SLACK},
    symbols::{self, BlamedLines, FoundSymbols, SymbolQuery},
    text_search::{self, FoundText, TextStep},
    uses::{self, FoundUses},
};

impl Readers {
    /// Goes on with a search. The query may be refused.
    pub(crate) async fn search_text(
        &self,
        project: &Project,
        step: TextStep,
    ) -> Result<FoundText, PageError> {
        let after = step.after.clone();
        let request = ReaderRequest::SearchText(step);
        let answer = self.ask(project, request, self.settings().reader.timeout).await;
        match answer.map_err(PageError::Reader)? {
            ReaderAnswer::Text(found) if text_search::is_found(&found, &after) => Ok(found),
            ReaderAnswer::Refused(refusal) => Err(refused(refusal)),
            _ => Err(PageError::Reader(self.on_nonsense(project))),
        }
    }

    /// Where a text stands in a file or a commit.
    pub(crate) async fn find_in_file(
        &self,
        project: &Project,
        of: PageOf,
        text: String,
    ) -> Result<FoundPlaces, PageError> {
        let request = ReaderRequest::FindInFile { of, text };
        let answer = self.ask(project, request, self.settings().reader.timeout).await;
        match answer.map_err(PageError::Reader)? {
            ReaderAnswer::Places(found) if find_in_file::are_places(&found) => Ok(found),
            ReaderAnswer::Refused(refusal) => Err(refused(refusal)),
            _ => Err(PageError::Reader(self.on_nonsense(project))),
        }
    }

    /// What is in a directory.
    pub(crate) async fn directory(
        &self,
        project: &Project,
        path: String,
    ) -> Result<Directory, ReaderError> {
        let request = ReaderRequest::Directory { path };
        match self.ask(project, request, self.settings().reader.timeout).await? {
            ReaderAnswer::Directory(found) if checks::is_directory(&found) => Ok(found),
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// The definitions that match best.
    pub(crate) async fn find_symbols(
        &self,
        project: &Project,
        query: SymbolQuery,
    ) -> Result<FoundSymbols, ReaderError> {
        let limit = query.limit;
        let request = ReaderRequest::FindSymbols(query);
        match self.ask(project, request, self.settings().reader.timeout).await? {
            ReaderAnswer::Symbols(found) if symbols::are_symbols(&found, limit) => Ok(found),
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// Where a name is used as code.
    pub(crate) async fn find_uses(
        &self,
        project: &Project,
        name: String,
    ) -> Result<FoundUses, ReaderError> {
        let (request, settings) = (ReaderRequest::FindUses { name }, self.settings());
        let limit = settings.reader.timeout + settings.highlighting.timeout + SLACK;
        match self.ask(project, request, limit).await? {
            ReaderAnswer::Uses(found) if uses::are_uses(&found) => Ok(found),
            _ => Err(self.on_nonsense(project)),
        }
    }

    /// Who wrote these lines of a file last.
    pub(crate) async fn blame(
        &self,
        project: &Project,
        path: String,
        first: usize,
        last: usize,
    ) -> Result<BlamedLines, PageError> {
        let request = ReaderRequest::Blame { path, first, last };
        let answer = self.ask(project, request, self.settings().reader.timeout).await;
        match answer.map_err(PageError::Reader)? {
            ReaderAnswer::Blamed(blamed) if symbols::are_blamed(&blamed, first, last) => Ok(blamed),
            ReaderAnswer::Refused(refusal) => Err(refused(refusal)),
            _ => Err(PageError::Reader(self.on_nonsense(project))),
        }
    }
}

fn refused(FileRefusal { kind, words }: FileRefusal) -> PageError {
    PageError::Refused(FileRefusal { kind, words: checks::sentence(words) })
}
