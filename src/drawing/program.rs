//! The process that draws: sources on stdin, a line for each on stdout. It needs nothing else.

use std::io::{self, Read as _};

use super::{
    formula,
    outcome::PrintedLine,
    sources::{DrawingSource, MAX_BATCH},
};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "draw";

/// Longest input, bytes: every source at its longest, as JSON.
const MAX_INPUT: u64 = (MAX_BATCH as u64) * (128 << 10);

/// Draws the sources from stdin, one after the other, each printed when it is done.
///
/// # Errors
/// Stdin is not what the server of the same version writes, or stdout is closed.
pub fn run() -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    print(&mut stdout, &PrintedLine::Ready)?;
    let mut text = String::new();
    io::stdin().take(MAX_INPUT).read_to_string(&mut text)?;
    let sources: Vec<DrawingSource> = serde_json::from_str(&text)?;
    for source in &sources {
        #[cfg(feature = "faults")]
        faults::inject(source, &mut stdout)?;
        print(&mut stdout, &drawn(source))?;
    }
    Ok(())
}

fn print(out: &mut impl io::Write, line: &PrintedLine) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

fn drawn(source: &DrawingSource) -> PrintedLine {
    let drawn = match source {
        DrawingSource::Formula { source, display } => {
            formula::mathml(source, *display).map(PrintedLine::Formula)
        }
        DrawingSource::Diagram { source } => diagram(source),
    };
    drawn.unwrap_or_else(PrintedLine::Failed)
}

#[cfg(feature = "diagrams")]
fn diagram(source: &str) -> Result<PrintedLine, String> {
    use super::{diagram::svg, sources::Theme};
    let light = svg(source, Theme::Light)?;
    Ok(PrintedLine::Diagram { light, dark: svg(source, Theme::Dark)? })
}

#[cfg(not(feature = "diagrams"))]
fn diagram(_: &str) -> Result<PrintedLine, String> {
    Err("this program was built without diagrams".to_owned())
}

/// Sources at which a test has this process go wrong.
#[cfg(feature = "faults")]
mod faults {
    use std::{io, thread, time::Duration};

    use super::DrawingSource;

    pub(super) fn inject(source: &DrawingSource, out: &mut impl io::Write) -> io::Result<()> {
        let DrawingSource::Formula { source, .. } = source else { return Ok(()) };
        match source.as_str() {
            "\\faultHang" => loop {
                thread::sleep(Duration::from_secs(60));
            },
            "\\faultNonsense" => {
                out.write_all(b"<script>alert(1)</script>\n")?;
                out.flush()
            }
            "\\faultFlood" => loop {
                out.write_all(&[b'x'; 1 << 16])?;
            },
            "\\faultMemory" => {
                let mut taken: Vec<Vec<u8>> = Vec::new();
                loop {
                    taken.push(vec![1; 1 << 24]);
                    thread::sleep(Duration::from_millis(20));
                }
            }
            "\\faultExit" => std::process::exit(3),
            _ => Ok(()),
        }
    }
}
