//! `consentry inspect --report` in a real browser: laid out on wide and narrow screens, printed, within reach of the keyboard.
//! Skipped where there is no Chromium.

use consentry_tests::lab::firewall::program;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A page that lays out the report in a frame of this width, and says what it finds there.
const HARNESS: &str = r#"<!doctype html><iframe id=f style="width:WIDTHpx;height:900px;border:0" src="report.html"></iframe><pre id=out></pre><script>
f.onload=()=>{const d=f.contentDocument,e=d.documentElement,all=s=>[...d.querySelectorAll(s)];
const reached=all('a[href],[tabindex="0"]');reached.forEach(x=>x.focus());
out.textContent=JSON.stringify({wider:e.scrollWidth-e.clientWidth,title:d.title,headings:all('h1,h2').map(h=>h.textContent),
rows:all('#records ~ .scroll tbody tr').length,charts:all('svg').length,
unnamed:all('table').filter(t=>!t.caption||!t.caption.textContent).length+all('.scroll').filter(x=>!d.getElementById(x.getAttribute('aria-labelledby'))).length,
dead:all('a[href^="\\#"]').filter(a=>!d.getElementById(a.getAttribute('href').slice(1))).length,
scripts:all('script').length,reached:reached.length,
small:all('td,th,p,li').filter(x=>x.offsetWidth>0&&x.textContent&&parseFloat(f.contentWindow.getComputedStyle(x).fontSize)<10).length,
loaded:f.contentWindow.performance.getEntriesByType('resource').length})}
</script>"#;

fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
}

/// A DNS question in an IPv4 packet, from port 40000.
fn question(name: &str) -> Vec<u8> {
    let labels: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    let message = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &labels, &[0, 0, 1, 0, 1]].concat();
    let ports = [&40_000_u16.to_be_bytes()[..], &53_u16.to_be_bytes()].concat();
    let udp = [&ports[..], &(8 + message.len() as u16).to_be_bytes(), &[0, 0], &message].concat();
    let length = (20 + udp.len() as u16).to_be_bytes();
    let ends = [10, 0, 0, 2, 192, 0, 2, 53];
    [&[0x45, 0][..], &length, &[0, 0, 0x40, 0, 64, 17, 0, 0], &ends, &udp].concat()
}

fn capture(names: &[String]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
    for (second, name) in (1_407_400_200_u32..).zip(names) {
        let packet = question(name);
        let length = (packet.len() as u32).to_le_bytes();
        file.extend([second.to_le_bytes(), [0; 4], length, length].concat());
        file.extend(packet);
    }
    file
}

fn browse(browser: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .output()
        .expect("the browser was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_report_is_laid_out_on_every_screen_and_needs_nothing_else() {
    let Some(browser) = chromium() else { return };
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // Services, ordinary names, and a name as long as they get.
    let long = format!("{0}.{0}.{0}.example", "x".repeat(60));
    let mut names = vec!["api.ad.xiaomi.com".to_owned(), "metok.sys.miui.com".to_owned(), long];
    names.extend((0..40).map(|number| format!("host{number}.example.org")));
    fs::write(path("twin.pcap"), capture(&names)).expect("the capture is written");
    let said = Command::new(program().expect("the program"))
        .arg("inspect")
        .arg(path("twin.pcap"))
        .arg("--report")
        .arg(path("report.html"))
        .output()
        .expect("the program runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    for width in [320, 768, 1280] {
        fs::write(path("harness.html"), HARNESS.replace("WIDTH", &width.to_string())).expect("written");
        let page = format!("file://{}", path("harness.html").display());
        let dom = browse(browser, folder.path(), &["--virtual-time-budget=5000", "--dump-dom", &page]);
        let (_, found) = dom.split_once("<pre id=\"out\">").expect("the harness ran");
        let (found, _) = found.split_once("</pre>").expect("the harness ended");
        let found: serde_json::Value = serde_json::from_str(found).expect("what the harness says");
        assert!(found["wider"].as_i64().is_some_and(|wider| wider <= 0), "{width}: {found}");
        assert_eq!(found["rows"], names.len(), "{width}: {found}");
        assert_eq!(found["headings"].as_array().map(Vec::len), Some(8), "{width}: {found}");
        assert!(found["charts"].as_u64() > Some(10), "{width}: {found}");
        for nothing in ["unnamed", "dead", "scripts", "small", "loaded"] {
            assert_eq!(found[nothing], 0, "{width}, {nothing}: {found}");
        }
        // The skip link, seven sections and the tables, which scroll.
        assert!(found["reached"].as_u64() >= Some(10), "{width}: {found}");
    }

    let page = format!("file://{}", path("report.html").display());
    let print = format!("--print-to-pdf={}", path("report.pdf").display());
    browse(browser, folder.path(), &[&print, "--no-pdf-header-footer", &page]);
    let pdf = fs::read(path("report.pdf")).expect("it prints");
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 20_000, "{} bytes", pdf.len());
}
