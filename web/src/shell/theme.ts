// Light, dark, or as the computer is set.
import { create } from 'zustand'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'switchboard.theme'

export const useTheme = create<{ theme: Theme }>(() => ({ theme: read() }))

function read(): Theme {
  try {
    const theme = localStorage.getItem(KEY)
    return theme === 'light' || theme === 'dark' ? theme : 'system'
  } catch {
    return 'system'
  }
}

export function setTheme(theme: Theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  useTheme.setState({ theme })
  try {
    if (theme === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, theme)
  } catch {
    // Then it holds until the page is closed.
  }
}
