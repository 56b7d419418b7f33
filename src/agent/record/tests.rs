//! The directory of recordings.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use super::*;
use crate::recording::{FORMAT_VERSION, Protocol, Recording};

fn head() -> Head {
    Head {
        cicerone_recording: FORMAT_VERSION,
        protocol: Protocol::StreamJson,
        version: "1".to_owned(),
        agent: "local".to_owned(),
        kind: "model".to_owned(),
        project: "shop".to_owned(),
        started: now(),
        counts_session: false,
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The only recording, once it holds as many lines.
async fn recorded(dir: &Path, lines: usize) -> Recording {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let [file] = &*files(dir)
            && let Ok(recording) = Recording::parse(&fs::read_to_string(file).unwrap())
            && recording.entries.len() >= lines
        {
            return recording;
        }
        assert!(Instant::now() < deadline, "{:?}", files(dir));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix::test]
async fn both_ways_are_kept_in_their_order_in_a_file_of_the_owner_and_secrets_are_masked() {
    let base = tempfile::tempdir().unwrap();
    let (dir, token) = (base.path().join("new/recordings"), base.path().join("token"));
    fs::write(&token, "token-of-a-file\n").unwrap();
    let service = Service {
        preset: None,
        dialect: None,
        base_url: "http://127.0.0.1:1/v1".to_owned(),
        model: "m".to_owned(),
        key: Some("key-of-the-service".to_owned()),
        headers: [("x-gateway".to_owned(), "value-of-a-header".to_owned())].into(),
        context: None,
        max_output: None,
        sends_reasoning: false,
        effort: false,
        images: None,
        price: None,
        retries: None,
        silence_s: None,
    };
    let service = serde_json::to_string(&service).unwrap();
    let secrets = SecretPlaces {
        environment: vec![
            (SERVICE_VARIABLE.into(), service.into()),
            ("SOME_API_KEY".into(), "key-of-a-variable".into()),
            ("HOME".into(), "/home/somebody".into()),
        ],
        files: vec![token, base.path().to_owned(), base.path().join("missing")],
    };
    let recorder = Recordings::new(&dir).start(head(), secrets);
    recorder.stdin("{\"a\":\"key-of-the-service\"}\n");
    recorder.stdout(br#"{"b":"value-of-a-header key-of-a-variable"}"#);
    recorder.stdout(b"\xff token-of-a-file of /home/somebody");
    recorder.note("ended");
    let recording = recorded(&dir, 4).await;
    assert_eq!((recording.head.agent.as_str(), recording.unread), ("local", 0));
    let lines: Vec<_> = recording.entries.iter().map(|it| (it.dir, it.line())).collect();
    assert_eq!(
        lines,
        [
            (Direction::Stdin, r#"{"a":"[masked]"}"#),
            (Direction::Stdout, r#"{"b":"[masked] [masked]"}"#),
            (Direction::Stdout, "\u{fffd} [masked] of /home/somebody"),
            (Direction::Note, "ended"),
        ]
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files(&dir)[0]), mode(&dir)), (0o600, 0o700));
}

#[actix::test]
async fn a_line_that_is_too_long_is_left_out_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recordings::new(dir.path()).start(head(), SecretPlaces::default());
    recorder.stdout("x".repeat(MAX_LINE_BYTES).as_bytes());
    recorder.stdout(b"{}");
    let recording = recorded(dir.path(), 2).await;
    assert!(recording.entries[0].line().contains("left out"), "{:?}", recording.entries[0]);
    assert_eq!(recording.entries[1].line(), "{}");
}

#[test]
fn a_full_recording_ends_with_a_remark() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = RecordingFile::create(dir.path(), &head()).unwrap();
    let room = Arc::new(Semaphore::new(1000));
    let waiting = |line: String| Waiting {
        ms: 0,
        dir: Direction::Stdout,
        line,
        _room: Arc::clone(&room).try_acquire_owned().unwrap(),
    };
    let long = "x".repeat(1 << 20);
    let lines: Vec<Waiting> = (0..40).map(|_| waiting(long.clone())).collect();
    assert!(!file.add(&lines, &Mask::default()).unwrap());
    let text = fs::read_to_string(&files(dir.path())[0]).unwrap();
    assert!(text.len() as u64 <= FILE_BYTES + 100, "{}", text.len());
    let recording = Recording::parse(&text).unwrap();
    assert_eq!(recording.entries.last().unwrap().line(), "the recording is full");
}

#[test]
fn the_oldest_recordings_make_room_and_nothing_else_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0-notes.txt"), "mine").unwrap();
    let old = |number: usize| dir.path().join(format!("2020-{number:04}{SUFFIX}"));
    for number in 0..FILES + 5 {
        fs::write(old(number), "x").unwrap();
    }
    RecordingFile::create(dir.path(), &head()).unwrap();
    assert!(!old(5).exists() && old(6).exists() && dir.path().join("0-notes.txt").exists());
    // By their size.
    let large = fs::File::create(old(FILES + 10)).unwrap();
    large.set_len(TOTAL_BYTES - FILE_BYTES / 2).unwrap();
    let newest = RecordingFile::create(dir.path(), &head()).unwrap();
    let left = files(dir.path());
    assert!(left.contains(&newest.path) && !left.contains(&old(FILES + 10)), "{left:?}");
}

#[actix::test]
async fn a_directory_that_cannot_be_written_is_no_hindrance() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let recordings = Recordings::new(&file.join("below"));
    for _ in 0..2 {
        let recorder = recordings.start(head(), SecretPlaces::default());
        // Far more than may wait.
        for _ in 0..WAITING_LINES + 10 {
            recorder.stdout(b"{}");
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !recordings.has_warned.load(Ordering::Relaxed) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}
