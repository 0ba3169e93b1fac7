import { meshContract } from "./contract.js";
import { loopbackNetwork } from "./libp2p-network.js";

meshContract("the libp2p mesh", loopbackNetwork);
