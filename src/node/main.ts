// The daemon's program: configuration on standard input, the word that it is usable (or why not) on descriptor 3, its log on
// standard error. SIGTERM and SIGINT end it; its containers run on.

import { closeSync, writeSync } from "node:fs";
import { asSwarmError } from "../errors.js";
import { createLogger } from "../log.js";
import { compileEarly } from "./compile-early.js";
import type { DaemonConfig } from "./config.js";
import { startDaemon } from "./daemon.js";
import type { ReadyLine } from "./launch-daemon.js";

const READY_DESCRIPTOR = 3;

async function readConfig(): Promise<DaemonConfig> {
	const parts: Buffer[] = [];
	for await (const part of process.stdin) parts.push(part as Buffer);
	return JSON.parse(Buffer.concat(parts).toString()) as DaemonConfig;
}

function tell(word: ReadyLine): void {
	try {
		writeSync(READY_DESCRIPTOR, `${JSON.stringify(word)}\n`);
		closeSync(READY_DESCRIPTOR);
	} catch {
		// Nobody waits for it: started by hand.
	}
}

async function main(): Promise<number> {
	compileEarly();
	const logger = createLogger((line) => process.stderr.write(line), "info");
	try {
		const daemon = await startDaemon(await readConfig(), logger);
		for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => daemon.stop());
		tell({ ready: daemon.report });
		logger.info("usable", { node: daemon.report.ping.node, name: daemon.report.ping.name });
		await daemon.ended;
		return 0;
	} catch (thrown) {
		const error = asSwarmError(thrown, "start the node");
		logger.error("not started", { error: error.toJSON(), stack: error.stack, cause: String(error.cause ?? "") });
		tell({ error: error.toJSON() });
		return 1;
	}
}

process.exit(await main());
