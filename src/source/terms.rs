//! Terms: the stems of words that the index holds, from text and identifiers.
//!
//! An identifier yields its parts (`HTTPServer` and `http_server` both yield `http` and `server`),
//! and if it has several, the whole (`httpserver`) too. `scheduling`, `scheduler` and `schedule` are
//! one term.
//!
//! Words of any script count. Chinese, Japanese and Korean do without spaces or glue endings to words,
//! so that each pair of neighbouring characters is a term.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longest word, bytes. A longer run of letters is data.
const MAX_WORD_BYTES: usize = 64;

/// Function words of sentences and programs, which occur in every file.
const STOP_WORDS: &str = "a an and are as at be been but by did do does doing for from had has have \
    having he her his i if in into is it its me my no nor not of on or our out own she so some such \
    than that the their them then there these they this those to too us was we were what when \
    where which while who whom whose why will with would you your can could should may might must \
    shall am also both each any all very just only let fn pub mut def var const self void cls";

/// Words of questions that do not name what is looked for.
const ASKING_WORDS: &str = "how about code codebase file files function functions method methods \
    class classes project repository repo repositories implement implemented implementation \
    implements implementing define defined definition defines located location live lives find \
    show tell explain describe please know want need look looking see understand work works working worked \
    happen happens happening handle handled handles handling part place places source module \
    modules logic responsible actually exactly get gets done make makes made use used uses using \
    way thing things something someone somebody anything certain given one ones like decide \
    decides decided determine determines determined take takes taken go goes put puts there's it's what's \
    where's i'm don't doesn't kind sort various whether upon via example inside within";

/// Words so common in speech that they weigh less.
const COMMON_WORDS: &str = "other others same new old first last next many much more most few less least \
    several some own such whole entire single several different various simple good bad right wrong \
    big small large little long short high low great early late able possible real true clear hard \
    easy full own sure special main common general certain particular usual still yet already even \
    ever never always often again once twice too enough quite rather almost nearly far near away \
    together instead otherwise else without within between among across along around behind beyond \
    during since until while per by nobody everybody everyone anybody everything nothing anywhere \
    somewhere everywhere people person man woman world life hand side end point fact case number \
    kind form group problem result reason idea word name line time day year moment order change \
    turn call come came give gave keep let leave mean move need open play point run say seem set \
    show stand start stop talk tell think try wait walk want allow become begin believe bring \
    consider continue create expect fall feel follow hear help hold include lead learn like live \
    lose meet offer pay provide reach read receive remember remain require send serve sit speak \
    spend stay understand watch win write add appear ask back front top bottom half part piece \
    here there now today soon later before after above below under over up down off ready while \
    must could would should itself themselves myself yourself one two three four five ten hundred \
    upon against toward towards according actually really simply just";

/// Nouns in `-er` and `-or` that name no agent of an action.
const NOT_AGENTS: &str = "header number buffer order folder parameter character pointer layer member user \
    other never over under after filter center docker error vector color colour factor cursor mirror \
    descriptor another however whether together letter matter either further power tower water paper \
    super upper lower outer inner integer register trigger master cluster adapter chapter quarter \
    transfer offer differ prefer refer enter answer proper border computer major minor author anchor \
    behavior behaviour monitor tensor floor door iterator operator actor counter meter identifier modifier";

/// Irregular forms, each followed by its base form.
const IRREGULAR: &str = "thrown throw threw throw sent send kept keep held hold built build ran run written write \
    wrote write found find lost lose chosen choose chose choose given give gave give taken take took take gone go \
    went go made make sold sell bought buy broken break broke break begun begin began begin known know knew know \
    grown grow grew grow hidden hide hid hide told tell met meet left leave fallen fall fell fall spent spend \
    stolen steal stole steal woken wake woke wake drawn draw drew draw seen see saw see caught catch fed feed \
    forgotten forget forgot forget frozen freeze froze freeze got get heard hear led lead meant mean paid pay \
    said say shown show slept sleep spoken speak spoke speak stood stand taught teach thought think torn tear \
    understood understand won win dealt deal spun spin swept sweep hung hang laid lay driven drive drove drive \
    shaken shake children child indices index people person came come brought bring sought seek lent lend \
    worn wear eaten eat ate eat shrunk shrink shrank shrink drunk drink sunk sink bitten bite beaten beat \
    swung swing struck strike wound wind slid slide sat sit fought fight leapt leap vertices vertex matrices matrix";

static IRREGULARS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let words: Vec<&str> = IRREGULAR.split_whitespace().collect();
    words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
});
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| COMMON_WORDS.split_whitespace().collect());
static STOP: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| STOP_WORDS.split_whitespace().collect());
static ASKING: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| ASKING_WORDS.split_whitespace().collect());
static NO_AGENTS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| NOT_AGENTS.split_whitespace().collect());
static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
static RUSSIAN: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Russian));
static GREEK: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Greek));
static ARABIC: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Arabic));
static GERMAN: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::German));

/// Whether a word in lower case is a stop word.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP.contains(word)
}

/// Whether a word in lower case belongs to the asking, not to what is asked for.
pub(crate) fn is_asking_word(word: &str) -> bool {
    ASKING.contains(word)
}

/// Whether a word in lower case is common in speech.
pub(crate) fn is_common_word(word: &str) -> bool {
    COMMON.contains(word)
}

/// The runs of letters, digits and underscores of a text, in order. Of a run without spaces between
/// its words, all pairs of neighbouring characters.
pub(crate) fn raw_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word_character(c))
        .flat_map(Runs)
        .flat_map(|run| Pieces { rest: run, is_dense: run.chars().next().is_some_and(is_dense) })
        .filter(|word| word.len() <= MAX_WORD_BYTES)
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || (!c.is_ascii() && is_combining_mark(c))
}

/// Whether the script of a character puts no spaces between words, or glues endings to them.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}' | '\u{e00}'..='\u{e7f}')
}

/// The parts of a word that are dense and those that are not.
struct Runs<'a>(&'a str);

impl<'a> Iterator for Runs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_ascii() {
            return Some(std::mem::take(&mut self.0)).filter(|run| !run.is_empty());
        }
        let first = self.0.chars().next().map(is_dense);
        let is_other = |c: char| Some(is_dense(c)) != first && !is_combining_mark(c);
        let (run, rest) = self.0.split_at(self.0.find(is_other).unwrap_or(self.0.len()));
        self.0 = rest;
        Some(run)
    }
}

/// A word as it is, or the pairs of a dense run.
struct Pieces<'a> {
    rest: &'a str,
    is_dense: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut starts = self.rest.char_indices().map(|(at, _)| at).skip(1);
        let (second, third) = (starts.next(), starts.next());
        if !self.is_dense || second.is_none() || third.is_none() {
            return Some(std::mem::take(&mut self.rest));
        }
        let piece = &self.rest[..third.unwrap_or(self.rest.len())];
        self.rest = &self.rest[second.unwrap_or(self.rest.len())..];
        Some(piece)
    }
}

/// The parts of an identifier in lower case: split at underscores, at changes of case, and between
/// letters and digits. Parts without a letter are dropped.
pub(crate) fn parts(identifier: &str) -> Vec<String> {
    let characters: Vec<char> = identifier.chars().collect();
    let mut parts = Vec::new();
    let mut part = String::new();
    for (at, &character) in characters.iter().enumerate() {
        if character == '_' {
            take_part(&mut part, &mut parts);
            continue;
        }
        let previous = at.checked_sub(1).map(|before| characters[before]);
        let next = characters.get(at + 1).copied();
        if previous.is_some_and(|previous| is_boundary(previous, character, next)) {
            take_part(&mut part, &mut parts);
        }
        part.extend(character.to_lowercase());
    }
    take_part(&mut part, &mut parts);
    parts
}

fn is_boundary(previous: char, character: char, next: Option<char>) -> bool {
    let lower_then_upper = previous.is_lowercase() && character.is_uppercase();
    let acronym_then_word =
        previous.is_uppercase() && character.is_uppercase() && next.is_some_and(char::is_lowercase);
    let letter_and_digit =
        previous != '_' && previous.is_ascii_digit() != character.is_ascii_digit();
    lower_then_upper || acronym_then_word || letter_and_digit
}

fn take_part(part: &mut String, parts: &mut Vec<String>) {
    if part.chars().any(char::is_alphabetic) {
        parts.push(std::mem::take(part));
    } else {
        part.clear();
    }
}

/// The stem of a word in lower case. An agent and its action share one (`parser`, `parse`).
pub(crate) fn stem(word: &str) -> String {
    if !word.is_ascii() {
        return foreign_stem(word);
    }
    if word.len() < 3 {
        return word.to_owned();
    }
    let word = IRREGULARS.get(word).copied().unwrap_or(word);
    let singular = word.strip_suffix('s').filter(|rest| !rest.ends_with('s'));
    let root = agent_root(singular.unwrap_or(word));
    STEMMER.stem(root.as_deref().unwrap_or(word)).into_owned()
}

/// The stem of a word that is not plain English, by its letters. Composed and decomposed letters, and
/// the full and half width ones, become the same.
fn foreign_stem(word: &str) -> String {
    let word: String = word.nfkc().flat_map(char::to_lowercase).collect();
    let stemmer = word.chars().find_map(|c| match c {
        '\u{400}'..='\u{4ff}' => Some(&*RUSSIAN),
        '\u{370}'..='\u{3ff}' => Some(&*GREEK),
        '\u{600}'..='\u{6ff}' => Some(&*ARABIC),
        'ä' | 'ö' | 'ü' | 'ß' => Some(&*GERMAN),
        _ => None,
    });
    match stemmer {
        Some(stemmer) => stemmer.stem(&word).into_owned(),
        None if word.is_ascii() => stem(&word),
        None => word,
    }
}

/// `scheduler` → `schedul`, `formatter` → `format`; `None` for a word that is no agent.
fn agent_root(word: &str) -> Option<String> {
    let root = word.strip_suffix("er").or_else(|| word.strip_suffix("or"))?;
    if root.len() < 4 || NO_AGENTS.contains(word) {
        return None;
    }
    let bytes = root.as_bytes();
    let last = bytes[bytes.len() - 1];
    let doubled = last == bytes[bytes.len() - 2] && !matches!(last, b's' | b'l');
    let root = if doubled { &root[..root.len() - 1] } else { root };
    // The stemmer folds `-e` and `-ing`, so it gets a form that it knows: `parse` for `pars`.
    Some(if doubled { root.to_owned() } else { format!("{root}e") })
}

/// An identifier of several parts as one term: `rate_limits` → `ratelimit`.
pub(crate) fn whole(parts: &[String]) -> String {
    let mut whole = String::new();
    if let Some((last, before)) = parts.split_last() {
        before.iter().for_each(|part| whole.push_str(part));
        whole.push_str(&stem(last));
    }
    whole
}

/// The term of an agent itself, besides that of its action: `readers` → `reader~`. It is rarer and
/// therefore weighs more. `None` for a word that is no agent.
pub(crate) fn agent(word: &str) -> Option<String> {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_plain = word.len() > 3 && word.is_ascii();
    (is_plain && agent_root(singular).is_some()).then(|| format!("{singular}~"))
}

/// The terms of one word: the stems of its parts and, if it has several, the whole.
pub(crate) fn terms_of_word(word: &str) -> Vec<String> {
    let parts = parts(word);
    let mut terms: Vec<String> = parts
        .iter()
        .filter(|part| !is_stop_word(part) && (part.len() > 1 || parts.len() == 1))
        .flat_map(|part| [Some(stem(part)), agent(part)])
        .flatten()
        .collect();
    // `FaviconCacheSQLite` has `sqlite`, `GitHubOAuthClient` has `oauth`.
    if parts.len() > 2 {
        let short = parts.windows(2).filter(|pair| pair[0].len() <= 2);
        terms.extend(short.map(whole));
    }
    let has_digits = word.bytes().any(|byte| byte.is_ascii_digit());
    if parts.len() > 1 {
        terms.push(whole(&parts));
    } else if has_digits {
        // `base64`, `utf8` and `404` are terms as they are.
        terms.push(word.trim_matches('_').to_lowercase());
    }
    terms.dedup();
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_cut_at_case_underscores_and_digits() {
        for (identifier, expected) in [
            ("HTTPServerError", "http server error"),
            ("read_to_end", "read to end"),
            ("maxRetries3", "max retries"),
            ("base64Encode", "base encode"),
            ("__init__", "init"),
            ("SCREAMING_CASE", "screaming case"),
            ("Größe", "größe"),
        ] {
            assert_eq!(parts(identifier).join(" "), expected, "{identifier}");
        }
    }

    #[test]
    fn a_whole_identifier_is_one_term_in_every_spelling() {
        let spellings = ["rate_limit", "RateLimit", "rateLimit", "RATE_LIMITS"];
        for spelling in spellings {
            assert!(terms_of_word(spelling).contains(&"ratelimit".to_owned()), "{spelling}");
        }
    }

    #[test]
    fn agents_share_the_stem_of_their_deed() {
        for (agent, deed) in [
            ("parser", "parse"),
            ("scheduler", "scheduling"),
            ("formatters", "formatting"),
            ("listener", "listen"),
            ("handlers", "handle"),
            ("validator", "validate"),
        ] {
            assert_eq!(stem(agent), stem(deed), "{agent} and {deed}");
        }
        assert_ne!(stem("header"), stem("head"));
    }

    #[test]
    fn text_without_spaces_is_cut_into_pairs_of_characters() {
        for (text, expected) in [
            ("删除会话", "删除 除会 会话"),
            ("会话timeout设置", "会话 timeout 设置"),
            ("セッション", "セッ ッシ ショ ョン"),
            ("値", "値"),
            ("세션을 삭제", "세션 션을 삭제"),
        ] {
            assert_eq!(raw_words(text).collect::<Vec<_>>().join(" "), expected, "{text}");
        }
        let long = "字".repeat(100);
        assert_eq!(raw_words(&long).count(), 99);
    }

    #[test]
    fn one_word_in_several_spellings_is_one_term() {
        for (one, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("ＡＢＣ", "abc"),
            ("удаление", "удаления"),
            ("größe", "größen"),
            ("ΤΙΜΉ", "τιμή"),
        ] {
            assert_eq!(terms_of_word(one), terms_of_word(other), "{one} and {other}");
            assert_eq!(raw_words(other).count(), 1, "{other}");
        }
    }

    #[test]
    fn numbers_and_words_with_digits_are_terms() {
        assert_eq!(terms_of_word("404"), ["404"]);
        assert!(terms_of_word("base64").contains(&"base64".to_owned()));
    }

    #[test]
    fn words_that_hold_sentences_together_give_no_terms() {
        assert!(terms_of_word("the").is_empty());
        assert!(is_asking_word("implemented"));
    }
}
