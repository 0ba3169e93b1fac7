// What every sub-command of `swarm oci` is: its options, its help, one function.

import type { Arguments, OptionForms } from "../arguments.js";

export interface Command {
	readonly summary: string;
	/** `ID [SIGNAL]` */
	readonly words: string;
	/** Everything behind the id belongs to another program. */
	readonly runsProgram?: boolean;
	readonly options: OptionForms;
	/** Gives the exit code. */
	run(given: Arguments, context: Context): Promise<number> | number;
}

export interface Context {
	/** Directory of the containers, absolute. */
	readonly root: string;
	/** One text to standard output. */
	readonly print: (text: string) => void;
	readonly warn: (text: string) => void;
}

/** Options of create and run. */
export const creationOptions: OptionForms = {
	bundle: { takesValue: true, alias: "b", says: "directory of config.json (the current one)" },
	"console-socket": { takesValue: true, says: "unix socket that takes the terminal" },
	"pid-file": { takesValue: true, says: "file that takes the pid of the container's first process" },
	"preserve-fds": { takesValue: true, says: "how many descriptors from 3 on the process keeps" },
	"no-pivot": { takesValue: false, says: "moved mount and chroot instead of pivot_root, for a root on a ramdisk" },
	"no-new-keyring": { takesValue: false, says: "the process keeps the caller's session keyring" },
};
