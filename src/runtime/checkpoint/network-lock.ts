// CRIU's network lock is an nftables table `inet CRIU-…` in the container's namespace. A criu that is killed leaves it behind,
// and every connection of the container hangs on it.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const LOCK_MS_MAX = 10_000;

/** Absent is fine. Rejects when nft cannot be asked. */
export async function dropNetworkLocks(pid: number): Promise<void> {
	const nft = async (...args: string[]) => {
		const command = [`--net=/proc/${pid}/ns/net`, "nft", ...args];
		return (await run("nsenter", command, { timeout: LOCK_MS_MAX })).stdout;
	};
	const tables = (await nft("list", "tables")).matchAll(/^table inet (CRIU-[0-9a-f-]+)$/gm);
	for (const [, name = ""] of tables) await nft("delete", "table", "inet", name);
}
