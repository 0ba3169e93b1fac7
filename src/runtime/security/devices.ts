// The devices that a spec names, as they are on this node: kind and numbers may differ from node to node.

import { statSync } from "node:fs";
import { SwarmError } from "../../errors.js";
import type { ContainerId, DeviceAccess } from "../../model.js";
import type { LaunchDevice } from "../../native/launch.js";

/** Throws `refused` for a path that is no device here. */
export function findDevices(container: ContainerId, devices: readonly DeviceAccess[]): readonly LaunchDevice[] {
	return devices.map(({ path, access }) => {
		const about = statSync(path, { throwIfNoEntry: false });
		if (about === undefined || !(about.isCharacterDevice() || about.isBlockDevice()))
			throw new SwarmError("refused", `Cannot create ${container}: ${path} is no device of this node, wanted one`, {
				details: { container, device: path },
			});
		return { path, kind: about.isBlockDevice() ? "block" : "char", ...deviceNumbers(about.rdev), access };
	});
}

/** makedev(3) of glibc: 12 bits of the major from bit 8, 8 and 12 bits of the minor around it. */
export function deviceNumbers(device: number): { readonly major: number; readonly minor: number } {
	return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
