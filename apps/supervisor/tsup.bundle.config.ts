import { bundle } from "../../tsup.bundle.ts"

export default bundle([])
