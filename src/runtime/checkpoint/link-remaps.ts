// Files that are open under a name that is gone while another name is left: CRIU puts `link_remap.<n>` beside them, names that in
// the image, and deletes it again when it ends. The hook gave each a second name that lasts (criu/hook.c); here they get
// their first one back, for the transfer, and are taken away when the container stays.

import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const KEPT = /^(link_remap\.\d+)\.kept$/;
const REMAP = /^link_remap\.\d+(\.kept)?$/;

/** After CRIU has ended. */
export async function bringBackRemaps(upperDirectory: string): Promise<void> {
	for (const { directory, name } of await namesIn(upperDirectory, KEPT))
		await rename(join(directory, name), join(directory, name.replace(KEPT, "$1")));
}

export async function dropRemaps(upperDirectory: string): Promise<void> {
	for (const { directory, name } of await namesIn(upperDirectory, REMAP))
		await rm(join(directory, name), { force: true });
}

async function namesIn(upperDirectory: string, pattern: RegExp) {
	const entries = await readdir(upperDirectory, { withFileTypes: true, recursive: true });
	return entries
		.filter((entry) => entry.isFile() && pattern.test(entry.name))
		.map(({ parentPath, name }) => ({ directory: parentPath, name }));
}
