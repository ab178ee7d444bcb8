//! The pictures of `docs/`, as SVG that can be read on light and on dark paper.

const STYLE: &str = r#"<style>
  .paper { fill: #f6f8fa; stroke: #d0d7de } .text { fill: #1f2328 } .aside { fill: #59636e } .bad { fill: #cf222e } .good { fill: #1a7f37 }
  .arrow { stroke: #59636e; stroke-width: 2; fill: none }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #151b23; stroke: #3d444d } .text { fill: #f0f6fc } .aside { fill: #9198a1 } .bad { fill: #f85149 } .good { fill: #3fb950 }
    .arrow { stroke: #9198a1 }
  }
</style>
"#;

/// What one start showed: what it is, and what was seen.
type Rows<'a> = &'a [(&'static str, String)];

/// Draws the same start without and with the launcher.
pub fn starts(codex: &str, without: Rows, with: Rows) -> String {
    let mut svg = Svg::new(960, 344, "The same start without and with codex-home-shim");
    let panels = [("without the launcher", "bad", without), ("with the launcher", "good", with)];
    for (x, (title, class, rows)) in [8, 488].into_iter().zip(panels) {
        svg.paper(x, 8, 464, 296);
        let mut y = 36;
        svg.line(x + 18, y, &format!("{class}\" font-weight=\"bold"), title);
        y += 30;
        for (what, said) in rows.iter().filter(|(what, _)| !matches!(*what, "decision" | "~/.codex")) {
            svg.line(x + 18, y, "aside", what);
            let class = if matches!(*what, "bearer sent" | "answer") { class } else { "text" };
            for text in wrapped(said) {
                y += 19;
                svg.line(x + 18, y, class, &text);
            }
            y += 28;
        }
    }
    let caption = format!(
        "{codex} in the home of openclaw/openclaw#70511, beside a ~/.codex that is logged in; from a run of the demo"
    );
    svg.line(8, 330, "aside\" font-size=\"12", &caption);
    svg.end()
}

/// The steps of a start.
const STEPS: [(&str, [&str; 3]); 4] = [
    ("capture", ["arguments,", "environment,", "user"]),
    ("observe", ["settings, codex,", "both homes,", "configuration"]),
    ("decide", ["keep, redirect,", "repair or refuse:", "no side effects"]),
    ("act", ["repair, journal,", "then become codex", "or say why not"]),
];

/// Draws the steps of a start.
pub fn architecture() -> String {
    let mut svg = Svg::new(760, 128, "One start: capture, observe, decide, act");
    for (at, (title, lines)) in STEPS.iter().enumerate() {
        let x = 8 + at * 192;
        svg.paper(x, 8, 168, 112);
        svg.line(x + 12, 34, "text\" font-weight=\"bold", title);
        for (at, text) in lines.iter().enumerate() {
            svg.line(x + 12, 62 + at * 20, "aside", text);
        }
        if at > 0 {
            let (from, tip) = (x - 22, x - 4);
            svg.0.push_str(&format!("<path class=\"arrow\" d=\"M{from} 64H{tip}m-6 -5l6 5l-6 5\"/>\n"));
        }
    }
    svg.end()
}

struct Svg(String);

impl Svg {
    fn new(width: usize, height: usize, title: &str) -> Svg {
        Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"14\">\n\
             <title>{title}</title>\n{STYLE}"
        ))
    }

    fn paper(&mut self, x: usize, y: usize, width: usize, height: usize) {
        let paper =
            format!("<rect class=\"paper\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n");
        self.0.push_str(&paper);
    }

    fn line(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let text = text.trim_end().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.0.push_str(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>\n"));
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Breaks a text at spaces and slashes into lines that fit into a panel.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive([' ', '/']) {
        let line = lines.last_mut().unwrap();
        if line.chars().count() + part.trim_end().chars().count() > 50 && !line.is_empty() {
            lines.push(part.to_owned());
        } else {
            line.push_str(part);
        }
    }
    lines
}
