/** Dark or light: as the system has it, until somebody chooses. */
import { useEffect, useState } from "preact/hooks"

const key = "ephor-theme"
const prefersDark = () => matchMedia("(prefers-color-scheme: dark)").matches

/** Storage may be forbidden: then a choice lasts as long as the page. */
const stored = () => {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** Switches between the two. */
export const ThemeButton = () => {
  const [theme, setTheme] = useState(() => stored() ?? (prefersDark() ? "dark" : "light"))
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme
  }, [theme])
  const other = theme === "dark" ? "light" : "dark"
  const choose = () => {
    setTheme(other)
    try {
      localStorage.setItem(key, other)
    } catch {
      // Nothing remembers it.
    }
  }
  return (
    <button type="button" onClick={choose}>
      {other} theme
    </button>
  )
}
