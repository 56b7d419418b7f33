//! The server as a process of its own, which ends with the test.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Time for the server to say that it listens.
const START: Duration = Duration::from_secs(30);

pub struct Server {
    process: Child,
    /// Without a slash at the end.
    pub url: String,
    pub port: u16,
}

impl Server {
    /// Serves the directory `quokka` in `root` with the built-in guide.
    pub fn start(root: &Path, data_dir: &Path, port: u16) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cicerone"))
            .args(["--listen", &format!("127.0.0.1:{port}"), "--agent", "guide", "--data-dir"])
            .arg(data_dir)
            .arg(root.join("quokka"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (said, says) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            let address =
                lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
            // The test may have given up on it.
            said.send(address).unwrap_or_default();
            lines.for_each(drop);
        });
        let url = says.recv_timeout(START).ok().flatten();
        let Some(url) = url else {
            process.kill().unwrap();
            let status = process.wait();
            panic!("the server did not say that it listens: {status:?}");
        };
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
        Self { process, url, port }
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about either; it may be gone already.
        self.process.kill().unwrap_or_default();
        drop(self.process.wait());
    }
}
