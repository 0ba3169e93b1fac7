// The one door to our C library (koffi, binding.ts). Same names, same order as include/stratoswarm.h. Every function
// throws SwarmError with the failing step and leaves the Node process as it found it: no descriptor, child, namespace,
// directory or signal handler of it changes. Functions are synchronous and short unless they give a promise.

export interface Native {
	/**
	 * Starts a program (argv[0] is its absolute path) in a session of its own, with no environment, working directory
	 * `/`, standard input and output on /dev/null, standard error appended to `stderrPath`, every other descriptor
	 * closed, default signals; when this returns the program has been executed and is not our child. Gives its pid.
	 */
	spawnDetached(argv: readonly string[], options: SpawnOptions): number;
	/** The same without a socket file: descriptor 3 is one end of a connection, the other end is the caller's to close. */
	spawnConnected(
		argv: readonly string[],
		stderrPath: string,
	): { readonly pid: number /** Descriptor. */; readonly connection: number };
	/** Over the connection of a `swarm-init serve` (spawnConnected): makes the socket that takes its requests. A descriptor. */
	execChannel(connection: number): number;
	/**
	 * Sends a request (README.md) with the streams that its form asks for, and gives our ends of them (descriptors). Never waits:
	 * `failed` when the server has gone or does not keep up.
	 */
	execSend(channel: number, request: Uint8Array, form: ExecForm): readonly number[];
	/** Makes a network namespace with loopback up and keeps it by a bind mount at `path`. `conflict` if it exists. */
	netnsCreate(path: string): void;
	/** Keeps the network namespace of a process by a bind mount at `path`. `conflict` if there is one, `not-found` without the process. */
	netnsKeep(path: string, pid: number): void;
	/** Unmounts and removes it; absent is fine. Links inside it disappear later, in the kernel's own time (about 30 ms). */
	netnsDelete(path: string): void;
	/** Bridge with an address, up; an existing one is kept, with the address added. `prefix` in bits. */
	bridgeEnsure(name: string, address: string, prefix: number, mac: string): void;
	/** veth pair: `hostName` here as port of `bridge`, `eth0` born inside the namespace with address, MAC and default route. */
	vethCreate(options: VethOptions): void;
	/** Absent is fine. The kernel takes 33 ms for it, so it runs on a thread. Removing the namespace of the other end does the same. */
	linkDelete(name: string): Promise<void>;
	linkSetUp(name: string, up: boolean): void;
	/** Limits what leaves by a link of the namespace kept at `netnsPath` (null: ours); null lifts the limit. */
	linkShape(name: string, netnsPath: string | null, bytesPerSecond: number | null): void;
	/** Whether this kernel can limit the rate of links (1 ms). */
	linkShapeWorks(): boolean;
	/**
	 * Writes "1"/"0" into `cgroup.freeze` of a v2 cgroup and waits until `cgroup.events` says so (about 50 µs);
	 * `timeout` after `timeoutMs` of blocking, with the freezer left as it was asked to be. A thaw is written as a real-time
	 * thread, where this process may.
	 */
	cgroupFreeze(cgroupPath: string, frozen: boolean, timeoutMs: number): void;
	/**
	 * Puts the device allow-list (eBPF) on a v2 cgroup that has none: 20 µs, as the program is loaded once. A monitor that finds none
	 * loads its own.
	 */
	deviceFilterAttach(cgroupPath: string): void;
	/** pidfd_open + pidfd_send_signal; false when the process is gone (also when nobody has reaped
	 * it yet). `signal` 0 only asks. */
	signal(pid: number, signal: number): boolean;
	/** CLOCK_BOOTTIME, which the machine's sleep does not stop. */
	bootTimeMs(): number;
	/**
	 * Texts of many short files of the kernel (ASCII, at most a page each) by their open descriptors, on a thread, in order; null for
	 * one that cannot be read any more. 8 us each, against 40 for opening, reading and closing it from here.
	 */
	readDescriptors(descriptors: Int32Array): Promise<readonly (string | null)[]>;
	/** mknod(2): `mode` with the file type (S_IFCHR 0o020000, S_IFIFO 0o010000 …). A whiteout is S_IFCHR, 0, 0. The path may be bytes. */
	makeNode(path: string | Uint8Array, mode: number, major: number, minor: number): void;
	/** lsetxattr(2), never follows a link. */
	setAttribute(path: string | Uint8Array, name: string, value: Uint8Array): void;
	/** llistxattr(2) and lgetxattr(2), never follow a link. Null when the attribute or attributes are absent or unsupported. */
	getAttribute(path: string | Uint8Array, name: string): Uint8Array | null;
	/**
	 * What is made in directories of `path` from now on lies far apart on the disk: ext4 takes up to 40 times as long for a new file
	 * near many that were just deleted. Does nothing where the file system cannot.
	 */
	directorySpread(path: string): void;
	/** Makes a container's directory with what it holds from the start (README.md), on a thread. `conflict` if it exists. */
	containerDirectoryMake(path: string): Promise<void>;
	/** Removes a directory with all that is in it, on a thread; never follows a link. Absent is fine. */
	directoryRemove(path: string): Promise<void>;
}

/**
 * What goes with a request: `outputs` are pipes for standard output and error, `input` also one for standard input (last), `terminal`
 * one stream socket for both directions of a terminal, `detached` a pipe that says what keeps the command from being executed and ends when it is.
 */
export type ExecForm = "nothing" | "outputs" | "input" | "terminal" | "detached";

export interface SpawnOptions {
	/** Opened for appending, made with mode 0600. */
	readonly stderrPath: string;
	/**
	 * A listening unix socket made here before the program starts and given to it as descriptor 3, so that a connection
	 * made right after this call is never refused. A socket file that is there already is replaced. null: none.
	 */
	readonly socketPath: string | null;
}

export interface VethOptions {
	/** At most 15 characters. */
	readonly hostName: string;
	readonly bridge: string;
	readonly netnsPath: string;
	readonly address: string;
	readonly prefix: number;
	readonly gateway: string;
	/** `02:…`, six hexadecimal octets. */
	readonly mac: string;
	/** Of the host's end: down, nobody hears of the address before `linkSetUp`. */
	readonly up: boolean;
}
