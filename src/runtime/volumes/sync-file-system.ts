// Everything that was written to a file system brought to the disk: by sync(1), because Node has no syncfs(2).

import { spawn } from "node:child_process";
import { SwarmError } from "../../errors.js";

/** Of the file system that `path` lies on. Code `failed` when the disk refused. */
export function syncFileSystem(path: string): Promise<void> {
	const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
	const child = spawn("sync", ["--file-system", path], { stdio: "ignore", env });
	return new Promise((resolve, reject) => {
		const refuse = (why: string) => reject(new SwarmError("failed", `Cannot sync the file system of ${path}: ${why}`));
		child.on("error", (error) => refuse(error.message));
		child.on("close", (code) => (code === 0 ? resolve() : refuse(`sync ended with ${code}`)));
	});
}
