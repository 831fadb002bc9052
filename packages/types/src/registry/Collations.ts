/** What collators, and those who fetch data, say and ask. */
import * as Collation from "../Collation.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const collations = family(["scale", "json"], {
  "CollatorProtocolMessage(v1)": Collation.CollatorProtocolMessageV1,
  "CollatorProtocolMessage(v2)": Collation.CollatorProtocolMessageV2,
  "CollationProtocol(v1)": Collation.CollationProtocolV1,
  "CollationProtocol(v2)": Collation.CollationProtocolV2,
  "CollationFetchingRequest(v1)": Collation.CollationFetchingRequestV1,
  "CollationFetchingRequest(v2)": Collation.CollationFetchingRequestV2,
  CollationFetchingResponse: Collation.CollationFetchingResponse,
  PoVFetchingRequest: Collation.PoVFetchingRequest,
  PoVFetchingResponse: Collation.PoVFetchingResponse,
  ChunkFetchingRequest: Collation.ChunkFetchingRequest,
  ChunkFetchingResponse: Collation.ChunkFetchingResponse,
  AvailableDataFetchingRequest: Collation.AvailableDataFetchingRequest,
  AvailableDataFetchingResponse: Collation.AvailableDataFetchingResponse
})
