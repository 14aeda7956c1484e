//! The namespaces of a whole node, and the link between the machine and the node.
//!
//! ```text
//! machine  10.210.n.1 ── veth pair ── 10.210.n.2  node ── bridge cni0 10.211.n.1 ── pods 10.211.n.0/24
//! ```
//! Nothing is forwarded to the machine's network: pods reach each other, the node, services, and what listens on the
//! machine's end of the link. The machine reaches the node and the pods.

use std::net::Ipv4Addr;
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};

use crate::error::{Error, FileContext as _, Result, SystemContext as _};
use crate::options::Node;
use crate::process::run;
use crate::reservation::{self, Reservation};

/// What the kubelet would set for the whole machine. It reads these values from files of the run instead, finds what
/// it wants, and leaves the machine alone.
const TUNABLES: &[(&str, &str)] = &[
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Chooses addresses and names that no other run uses.
pub(crate) fn choose(id: &str) -> Result<(Node, Reservation)> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NeedsRoot);
    }
    let addresses = run("ip", ["-4", "-oneline", "address"])?;
    let routes = run("ip", ["-4", "route"])?;
    let subnet = reservation::subnet(|number| {
        ["10.210", "10.211", "10.212"].iter().all(|prefix| {
            let prefix = format!("{prefix}.{number}.");
            !addresses.contains(&prefix) && !routes.contains(&prefix)
        })
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "the range of subnets ends below 256")]
    let n = subnet.number as u8;
    let node = Node {
        name: "ats-node".into(),
        address: Ipv4Addr::new(10, 210, n, 2),
        machine: Ipv4Addr::new(10, 210, n, 1),
        pods: [10, 211, n],
        services: [10, 212, n],
        link: format!("ats{n}"),
        cgroup: format!("ats-{id}"),
        containerd: "containerd.sock".into(),
        snapshotter: "native".into(),
    };
    Ok((node, subnet))
}

/// Links the machine and the network namespace of a process. The kernel removes the link with the namespace.
pub(crate) fn link(node: &mut Node, process: u32) -> Result<()> {
    let (link, peer) = (node.link.as_str(), "uplink");
    let process = process.to_string();
    run("ip", ["link", "add", link, "type", "veth", "peer", "name", peer, "netns", &process])?;
    run("ip", ["address", "add", &format!("{}/30", node.machine), "dev", link])?;
    run("ip", ["link", "set", link, "up"])?;
    let address = node.address.to_string();
    run("ip", ["route", "add", &node.pod_subnet(), "via", &address, "dev", link])?;
    run("ip", ["route", "add", &node.service_subnet(), "via", &address, "dev", link])?;
    Ok(())
}

/// Makes the namespaces that this process is the first of into a node's: mounts, addresses, host name.
pub(crate) fn prepare_namespaces(folder: &Path, node: &Node) -> Result<()> {
    // Pods may ask for mounts that propagate. Ours are private to the namespace since unshare.
    let propagation = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    mount_change("/", propagation).system("make the mounts of the node shared")?;

    // The folders that node programs use under fixed names become folders of the run.
    for (hidden, own) in [("/run", "run"), ("/var/lib", "lib"), ("/var/log", "log")] {
        if folder.starts_with(hidden) {
            return Err(Error::Unsupported(format!(
                "the folder of the run, {}, is below {hidden}, which the node hides: set TMPDIR to another folder",
                folder.display()
            )));
        }
        let own = folder.join("node").join(own);
        std::fs::create_dir_all(&own).file("make", &own)?;
        mount_bind(&own, hidden).system(format!("mount {} on {hidden}", own.display()))?;
    }
    for (tunable, value) in TUNABLES {
        cover(folder, &Path::new("/proc/sys").join(tunable), value)?;
    }
    let hosts = format!("127.0.0.1 localhost\n{} {}\n", node.address, node.name);
    cover(folder, Path::new("/etc/hosts"), &hosts)?;
    // Containers get it too: no name is looked up outside of the run.
    cover(folder, Path::new("/etc/resolv.conf"), "")?;

    rustix::system::sethostname(node.name.as_bytes()).system("set the host name of the node")?;
    run("ip", ["link", "set", "lo", "up"])?;
    run("ip", ["address", "add", &format!("{}/30", node.address), "dev", "uplink"])?;
    run("ip", ["link", "set", "uplink", "up"])?;
    // There is no default route, so that nothing leaves. The node's own processes need a route to services, which
    // kube-proxy then sends elsewhere.
    run("ip", ["route", "add", &node.service_subnet(), "dev", "uplink"])?;
    // These are the namespace's own.
    for (tunable, value) in [("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0")] {
        let path = Path::new("/proc/sys").join(tunable);
        std::fs::write(&path, value).file("write", path)?;
    }
    Ok(())
}

/// Shows another content under the name of a file, in this mount namespace.
fn cover(folder: &Path, path: &Path, content: &str) -> Result<()> {
    // What /etc/resolv.conf links to may be hidden by now.
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let covers = folder.join("node/files");
    std::fs::create_dir_all(&covers).file("make", &covers)?;
    let cover = covers.join(path.file_name().unwrap_or_default());
    std::fs::write(&cover, content).file("write", &cover)?;
    mount_bind(&cover, &target).system(format!("cover {}", path.display()))
}

/// Whether file systems can be stacked here, which is faster than copying.
pub(crate) fn can_overlay(folder: &Path) -> bool {
    let base = folder.join("overlay-probe");
    let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| base.join(name));
    let folders = [&lower, &upper, &work, &merged];
    if folders.iter().any(|folder| std::fs::create_dir_all(folder).is_err()) {
        return false;
    }
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let Ok(options) = std::ffi::CString::new(options) else { return false };
    let stacked = mount("overlay", &merged, "overlay", MountFlags::empty(), options.as_c_str()).is_ok();
    stacked && rustix::mount::unmount(&merged, rustix::mount::UnmountFlags::empty()).is_ok()
}
