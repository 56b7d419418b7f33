//! The floor: a server that starts the agent for each connection and copies its output to it, and
//! does nothing else.

use std::{env, io, process::Stdio};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Command,
};

/// Serves on a free port, which the first line of stdout tells, until it is killed.
#[expect(clippy::print_stdout, reason = "the line is the program's output")]
pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(copy(stream));
    }
}

async fn copy(stream: TcpStream) -> io::Result<()> {
    let mut agent = Command::new(env::current_exe()?)
        .arg(crate::AS_AGENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (mut reader, mut writer) = stream.into_split();
    let mut stdin = agent.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut stdout = agent.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    tokio::spawn(async move { tokio::io::copy(&mut reader, &mut stdin).await });
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stdout.read(&mut buffer).await? {
            0 => return Ok(()),
            length => writer.write_all(&buffer[..length]).await?,
        }
    }
}
