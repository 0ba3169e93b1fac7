// The one door to our C library (koffi). Same names, same order as native/include/stratoswarm.h. Every function is
// synchronous and short, throws SwarmError with the failing step, and leaves the Node process as it found it.

export interface Native {
	/** Starts a program (argv[0] is its absolute path) with its own session, no inherited descriptors, standard streams
	 * on /dev/null, /dev/null and `stderrPath` (append), not our child any more when this returns. Gives its pid. */
	spawnDetached(argv: readonly string[], stderrPath: string): number;
	/** Makes a network namespace and keeps it by a bind mount at `path`. */
	netnsCreate(path: string): void;
	/** Unmounts and removes it; absent is fine. */
	netnsDelete(path: string): void;
	/** Bridge with an address, up; an existing one is kept. `prefix` bits. */
	bridgeEnsure(name: string, address: string, prefix: number, mac: string): void;
	/** veth pair: `hostName` here as port of `bridge`, `eth0` born inside the namespace with address, MAC and default route. */
	vethCreate(options: VethOptions): void;
	/** Absent is fine. Slow (33 ms): asynchronous inside the kernel where possible. */
	linkDelete(name: string): void;
	linkSetUp(name: string, up: boolean): void;
	/** Writes "1"/"0" and waits until cgroup.events says so; `timeoutMs` then SwarmError `timeout`. */
	cgroupFreeze(cgroupPath: string, frozen: boolean, timeoutMs: number): void;
	/** pidfd_open + pidfd_send_signal; false when the process is gone. */
	signal(pid: number, signal: number): boolean;
}

export interface VethOptions {
	readonly hostName: string;
	readonly bridge: string;
	readonly netnsPath: string;
	readonly address: string;
	readonly prefix: number;
	readonly gateway: string;
	/** `02:…`, six hexadecimal octets. */
	readonly mac: string;
}
