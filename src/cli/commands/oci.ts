import { main } from "../../oci/main.js";
import { BaseCommand } from "../base-command.js";

/** bin/swarm hands `swarm oci` to the runtime without coming here; this is what `swarm --help` lists. */
export default class Oci extends BaseCommand {
	static override summary = "Be an OCI runtime for podman or containerd: create, start, state, kill, delete and more.";
	static override description =
		"Makes containers from bundles (OCI runtime specification 1.x) without the daemon. Global options stand before the sub-command, as podman and containerd write them; bin/swarm-oci is the same as a program of its own. `swarm oci --help` tells all of it.";
	static override examples = [
		"<%= config.bin %> oci run --bundle ./web web1",
		"<%= config.bin %> oci --root /run/mine state web1",
		"podman --runtime /usr/local/bin/swarm-oci run alpine true",
	];
	static override strict = false;

	async run(): Promise<void> {
		process.exitCode = await main(this.argv);
	}
}
