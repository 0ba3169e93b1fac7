// The caller's own terminal while a command elsewhere uses it: raw, its size told at every change, and as it was found on every way
// out. Must never leave it raw, whatever ends this process but SIGKILL.

import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { Transform } from "node:stream";
import { SwarmError } from "../errors.js";
import type { TerminalSize } from "../runtime/runtime.js";

/** Signals that end this process. Ctrl-C is a byte like any other while the terminal is raw. */
const ENDING = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const;
/** Where there is none to ask. */
const SIZE_DEFAULT: TerminalSize = { rows: 24, columns: 80 };
const CTRL_P = 16;
const CTRL_Q = 17;

export function ownSize(): TerminalSize {
	const { rows, columns } = process.stdout;
	return rows > 0 && columns > 0 ? { rows, columns } : SIZE_DEFAULT;
}

/** Gives the function that ends it. */
export function onOwnResize(listener: (size: TerminalSize) => void): () => void {
	const tell = () => listener(ownSize());
	process.stdout.on("resize", tell);
	return () => void process.stdout.removeListener("resize", tell);
}

/** Code `usage` unless standard input is a terminal. */
export function requireTerminal(action: string): void {
	if (process.stdin.isTTY) return;
	throw new SwarmError(
		"usage",
		`Cannot ${action}: --tty with --interactive needs a terminal as standard input, it is none; leave one of them out`,
	);
}

/** Runs `work` with a raw terminal. */
export async function withRawTerminal<T>(work: () => Promise<T>): Promise<T> {
	const { stdin } = process;
	const restore = () => void stdin.setRawMode(false);
	const onSignal = (signal: NodeJS.Signals) => {
		restore();
		process.exit(128 + constants.signals[signal]);
	};
	process.on("exit", restore);
	for (const signal of ENDING) process.on(signal, onSignal);
	stdin.setRawMode(true);
	// Node leaves the translation of line feeds on, which the command's own terminal has done: full-screen programs need it off.
	spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
	try {
		return await work();
	} finally {
		restore();
		process.off("exit", restore);
		for (const signal of ENDING) process.off(signal, onSignal);
	}
}

/** Passes everything on but the keys Ctrl-P Ctrl-Q, at which it calls `onDetach` and ends. A Ctrl-P alone waits for its successor. */
export function detachKeys(onDetach: () => void): Transform {
	let held = false;
	return new Transform({
		transform(chunk: Uint8Array, _encoding, done) {
			const passed: number[] = [];
			for (const byte of chunk) {
				if (held && byte === CTRL_Q) {
					this.push(Buffer.from(passed));
					this.push(null);
					onDetach();
					return done();
				}
				if (held) passed.push(CTRL_P);
				held = byte === CTRL_P;
				if (!held) passed.push(byte);
			}
			if (passed.length > 0) this.push(Buffer.from(passed));
			done();
		},
	});
}
