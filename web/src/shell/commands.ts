// Every action of the app, once: the palette lists them, the keyboard runs them, the help shows their keys.
import { useEffect } from 'react'
import { create } from 'zustand'

export interface Command {
  id: string
  title: string
  section: string
  /** `e`, `/`, `mod+k`, `g i` (one after the other). */
  shortcut?: string
  keywords?: string
  /** Runs even while somebody writes. */
  always?: boolean
  /** In the help, but not in the palette. */
  hidden?: boolean
  run: () => void
}

interface Commands {
  groups: { owner: symbol; commands: Command[] }[]
  palette: boolean
  help: boolean
}

export const useCommands = create<Commands>(() => ({ groups: [], palette: false, help: false }))

export function allCommands(): Command[] {
  const seen = new Set<string>()
  // The innermost place wins, where two offer the same.
  return useCommands
    .getState()
    .groups.toReversed()
    .flatMap((group) => group.commands)
    .filter((command) => !seen.has(command.id) && seen.add(command.id))
}

/** Offers commands for as long as the component is on the screen. */
export function useOffer(commands: Command[]) {
  useEffect(() => {
    const owner = Symbol('commands')
    useCommands.setState(({ groups }) => ({ groups: [...groups, { owner, commands }] }))
    return () => useCommands.setState(({ groups }) => ({ groups: groups.filter((group) => group.owner !== owner) }))
  }, [commands])
}

const SEQUENCE_MS = 900
let pending = ''
let pendingAt = 0

/** Listens to the keyboard for the whole page. */
export function listenToKeys(): () => void {
  const listener = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const stroke = strokeOf(event)
    if (!stroke) return
    const writing = isWriting(event.target)
    const floating = document.querySelector('[role="dialog"], [role="menu"]') !== null
    const now = performance.now()
    const sequence = now - pendingAt < SEQUENCE_MS && pending ? `${pending} ${stroke}` : stroke
    const commands = allCommands().filter((command) => command.shortcut && (command.always || (!writing && !floating)))
    const found = commands.find((command) => command.shortcut === sequence) ?? commands.find((command) => command.shortcut === stroke)
    pending = found || writing ? '' : stroke
    pendingAt = now
    if (!found) return
    event.preventDefault()
    found.run()
  }
  document.addEventListener('keydown', listener)
  return () => document.removeEventListener('keydown', listener)
}

function strokeOf(event: KeyboardEvent): string | null {
  if (event.altKey) return null
  // The key's place on a Latin keyboard where the layout has no Latin letters: j stays j in Hebrew and Arabic.
  const latin = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase()
  const key = /^[a-z/?]$/i.test(event.key) ? event.key.toLowerCase() : (latin ?? event.key)
  if (key.length > 1 && key !== 'Escape') return null
  return event.metaKey || event.ctrlKey ? `mod+${key}` : key
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
}
