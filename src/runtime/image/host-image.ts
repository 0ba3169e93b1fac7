// The `host` image ready for use, without reading all of the host's /etc for every container: what was prepared is used again
// while nothing that it was made from has changed.

import { type BigIntStats, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import type { PreparedImage } from "../runtime.js";
import { prepareHost } from "./host.js";

/** A file below /etc that was written in place shows in new containers after this, at the latest. */
export const RECHECK_MS = 60_000;

export interface HostImage {
	prepare(): Promise<PreparedImage>;
}

interface Kept {
	readonly image: PreparedImage;
	readonly watched: readonly string[];
	readonly fingerprint: string;
	readonly atMs: number;
}

export interface HostImageOptions {
	/** The host's root directory; a recorded tree in tests. */
	readonly root: string;
	/** Where skeletons are. */
	readonly directory: string;
	readonly clock: Clock;
	readonly logger: Logger;
}

export function createHostImage({ root, directory, clock, logger }: HostImageOptions): HostImage {
	let kept: Kept | null = null;
	let reading: Promise<Kept> | null = null;
	const read = () => {
		reading ??= readAgain().finally(() => {
			reading = null;
		});
		return reading;
	};
	const readAgain = async () => {
		const { image, watched } = await prepareHost(root, directory);
		kept = { image, watched, fingerprint: fingerprintOf(root, watched), atMs: clock.monotonicMs() };
		return kept;
	};
	return {
		async prepare() {
			if (kept === null || fingerprintOf(root, kept.watched) !== kept.fingerprint) return (await read()).image;
			if (clock.monotonicMs() - kept.atMs > RECHECK_MS)
				void read().catch((error: unknown) => logger.warn("the host image cannot be read", { error: String(error) }));
			return kept.image;
		},
	};
}

function fingerprintOf(root: string, paths: readonly string[]): string {
	return paths.map((path) => markOf(statSync(join(root, path), { bigint: true, throwIfNoEntry: false }))).join();
}

function markOf(info: BigIntStats | undefined): string {
	return info === undefined ? "-" : `${info.ino} ${info.mode} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
}
