// Which kernel parameters a container may set: those that its own namespaces have for themselves. All others would change the
// node. Pure.

/** ipc_namespaces(7): System V IPC, POSIX message queues. network_namespaces(7): everything of net. */
const ownNames = [
	/^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/,
	/^fs\.mqueue\.[a-z_]+$/,
	/^net\.[\w-]+(\.[\w@:-]+)+$/,
];

export const SYSCTL_WANTED = "net.*, fs.mqueue.*, kernel.msg*, kernel.sem or kernel.shm*: others are the whole node's";

/** `net/ipv4/conf/eth0.1/rp_filter` is the form for names that have a point inside (sysctl(8)). Null for one that is not namespaced. */
export function sysctlPath(name: string): string | null {
	if (name.split("/").some((part) => /^\.*$/.test(part))) return null;
	const dotted = name.includes("/") ? name.replace(/[./]/g, (sign) => (sign === "/" ? "." : "-")) : name;
	if (!ownNames.some((pattern) => pattern.test(dotted))) return null;
	return name.includes("/") ? name : name.replaceAll(".", "/");
}
