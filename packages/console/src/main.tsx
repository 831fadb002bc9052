/** Draws the page. */
import { render } from "preact"
import "uplot/dist/uPlot.min.css"
import "./console.css"
import { Page } from "./Page.tsx"

render(<Page />, document.getElementById("page")!)
