// Lines between daemon and monitor (table in native/README.md) and the `exit` file. Pure decoders: what does not fit the
// table is null, and the caller drops the connection.

import { ORPHANED } from "../model.js";

/** How a container ended, as the monitor recorded it. */
export interface ExitRecord {
	/** 0–255; 128 + signal when a signal ended it; null when it was never begun. */
	readonly exitCode: number | null;
	readonly oomKilled: boolean;
	readonly finishedAtMs: number;
	/** Why the workload never ran; null when it did. */
	readonly reason: string | null;
}

export type MonitorMessage =
	/** Has its namespaces and waits for `launch`. */
	| { readonly kind: "standing"; readonly pid: number }
	| { readonly kind: "created"; readonly pid: number }
	| { readonly kind: "running"; readonly pid: number }
	/** Its lease is over: it stands still until it has another and is told to go on. */
	| { readonly kind: "frozen"; readonly pid: number }
	| { readonly kind: "exited"; readonly exit: ExitRecord }
	| { readonly kind: "ok"; readonly command: string }
	| { readonly kind: "error"; readonly command: string; readonly text: string };

/** Longer lines are not of the protocol (the monitor keeps to 256 bytes). */
export const LINE_BYTES_MAX = 4_096;

export function decodeMessage(line: string): MonitorMessage | null {
	const [word, second = "", ...rest] = line.split(" ");
	if (word === "ok" && second !== "") return { kind: "ok", command: second };
	if (word === "error" && second !== "") return { kind: "error", command: second, text: rest.join(" ") };
	if (word !== "state") return null;
	if (second === "exited") {
		const exit = decodeExit(rest.join(" "));
		return exit === null ? null : { kind: "exited", exit };
	}
	const pid = Number(rest[0]);
	if (!isPhaseWord(second) || !Number.isSafeInteger(pid) || pid < 1) return null;
	return { kind: second, pid };
}

/** `<code> <signal> <oom 0/1> <unix-ms>[ <text>]`, as in the file and after `state exited`. */
export function decodeExit(text: string): ExitRecord | null {
	const found = /^(\d{1,3}) (\d{1,3}) ([01]) (\d{1,16})(?: (.+))?$/.exec(text.trimEnd());
	if (found === null) return null;
	const [, code, signal, oom, ms, reason] = found;
	return {
		exitCode: reason === ORPHANED ? null : Number(signal) > 0 ? 128 + Number(signal) : Number(code),
		oomKilled: oom === "1",
		finishedAtMs: Number(ms),
		reason: reason ?? null,
	};
}

function isPhaseWord(word: string): word is "standing" | "created" | "running" | "frozen" {
	return word === "standing" || word === "created" || word === "running" || word === "frozen";
}
