// Which block device an I/O limit means on this machine. Reads /sys and asks for the status of a path; never opens a device.

import { existsSync, readFileSync, statSync } from "node:fs";
import { SwarmError } from "../../errors.js";

const S_IFMT = 0o170000;
const S_IFBLK = 0o060000;

/**
 * `major:minor` of a whole disk: of `8:0`, of the node `/dev/sda` or a partition of it, or of the disk that holds the file system of
 * any other path. `usage` when there is none (a tmpfs, a file system over several disks, no such path).
 */
export function blockDeviceOf(device: string): string {
	const number = /^\d+:\d+$/.test(device) ? device : numberOf(device);
	const path = `/sys/dev/block/${number}`;
	if (!existsSync(path)) throw refusal(device, `${number} is no block device of this machine`);
	// Throttling happens in the queue, which a partition shares with its disk.
	return existsSync(`${path}/partition`) ? readFileSync(`${path}/../dev`, "utf8").trim() : number;
}

function numberOf(path: string): string {
	let status: ReturnType<typeof statSync> & object;
	try {
		status = statSync(path);
	} catch (cause) {
		throw refusal(path, "there is no such path on this machine", cause);
	}
	const number = (status.mode & S_IFMT) === S_IFBLK ? status.rdev : status.dev;
	return `${majorOf(number)}:${minorOf(number)}`;
}

// gnu_dev_makedev(3): the bits of both numbers are interleaved; above 32 bits only arithmetic is exact.
function majorOf(number: number): number {
	return (Math.floor(number / 0x100) & 0xfff) + Math.floor(number / 0x1_0000_0000) * 0x1000;
}

function minorOf(number: number): number {
	return (number & 0xff) + ((Math.floor(number / 0x1000) & 0xf_ff00) >>> 0);
}

function refusal(device: string, state: string, cause?: unknown): SwarmError {
	return new SwarmError("usage", `Cannot limit the I/O of ${device}: ${state}, wanted a disk or a path on one`, {
		details: { device },
		cause,
	});
}
