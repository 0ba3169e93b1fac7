// The user namespace in a checkpoint: CRIU's image names the ids outside, which are others on each node. Reads nothing else of an image.

import { chmod, chown, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";

const NAME = /^userns-\d{1,10}\.img$/;
/** Of an image file (criu, images/magic): what all have, then what it is of; then the size of one message. */
const HEADER_BYTES = 12;
const IDS = 0x10000;

/**
 * Gives the user namespace of the images ids 0 to 65,535 from `firstId` on, and the images to its root, as who CRIU reads them.
 * `corrupt` when they have none.
 */
export async function mapUserNamespace(imageDirectory: string, firstId: number): Promise<void> {
	const names = await readdir(imageDirectory);
	const name = names.find((entry) => NAME.test(entry));
	const path = join(imageDirectory, name ?? "");
	const found = name === undefined ? null : await readFile(path);
	if (found === null || found.length < HEADER_BYTES)
		throw new SwarmError("corrupt", "Cannot restore: the checkpoint has no image of its user namespace, wanted one");
	await writeFile(path, userNamespaceImage(found.subarray(0, HEADER_BYTES - 4), firstId));
	await Promise.all(names.map((entry) => give(join(imageDirectory, entry), firstId, 0o640)));
	await give(imageDirectory, firstId, 0o750);
}

/**
 * The copy's first process reads as the node's root until its ids are mapped, without power over files, and from then on as its own: the
 * group is for the former.
 */
async function give(path: string, owner: number, mode: number): Promise<void> {
	await chown(path, owner, 0);
	await chmod(path, mode);
}

/**
 * `magic`: the first eight bytes of such an image. The message has two fields, uid_map (1) and gid_map (2), of one extent each: first (1),
 * lower_first (2), count (3) (criu, images/userns.proto).
 */
export function userNamespaceImage(magic: Uint8Array, firstId: number): Uint8Array {
	const extent = [...field(1, 0), ...field(2, firstId), ...field(3, IDS)];
	const message = [1, 2].flatMap((number) => [(number << 3) | 2, ...varint(extent.length), ...extent]);
	const size = new Uint8Array(4);
	new DataView(size.buffer).setUint32(0, message.length, true);
	return Uint8Array.from([...magic, ...size, ...message]);
}

function field(number: number, value: number): readonly number[] {
	return [number << 3, ...varint(value)];
}

function varint(value: number): readonly number[] {
	const bytes: number[] = [];
	let rest = value;
	for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
	return [...bytes, rest];
}
