// What bin/swarm-oci and `swarm oci` start, as dist/oci.cjs: main.ts with the words of the command line.

import { main } from "./main.js";

void main(process.argv.slice(2)).then((code) => {
	process.exitCode = code;
});
