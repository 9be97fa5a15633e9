// A menu that opens from a button. Until it is first opened it is only the button: what draws menus is large, and comes after
// the page.
import { cloneElement, type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useState } from 'react'
import { create } from 'zustand'

export interface MenuProps {
  trigger: ReactElement<Record<string, unknown>>
  children: ReactNode
  open?: boolean
  onOpenChange?: (open: boolean) => void
  align?: 'start' | 'end'
}

export interface MenuItemProps {
  children: ReactNode
  onSelect: () => void
  icon?: ReactNode
  checked?: boolean
  shortcut?: string
  danger?: boolean
}

export interface MenuSignsProps {
  label: string
  signs: string[]
  chosen: string | undefined
  onChoose: (sign: string) => void
}

const useParts = create<{ parts: typeof import('./menu-parts') | null }>(() => ({ parts: null }))

let loading = false

function bringParts() {
  if (loading) return
  loading = true
  import('./menu-parts').then(
    (parts) => useParts.setState({ parts }),
    () => {
      loading = false
    },
  )
}

export function Menu(props: MenuProps) {
  const parts = useParts((state) => state.parts)
  const [wanted, setWanted] = useState(false)
  // Once opened it stays a menu, so that the focus finds its button again.
  if (props.open && !wanted) setWanted(true)
  useEffect(() => {
    if (wanted) bringParts()
    else whenIdle(bringParts)
  }, [wanted])
  if (wanted && parts) return <parts.Menu {...props} />
  const begin = () => {
    setWanted(true)
    bringParts()
    props.onOpenChange?.(true)
  }
  return cloneElement(props.trigger, {
    'aria-haspopup': 'menu',
    'aria-expanded': false,
    onClick: begin,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'ArrowDown') return
      event.preventDefault()
      begin()
    },
  })
}

/** When the page has nothing better to do; not every browser says when that is. */
function whenIdle(deed: () => void) {
  if ('requestIdleCallback' in window) requestIdleCallback(deed, { timeout: 5_000 })
  else setTimeout(deed, 2_000)
}

export function MenuItem(props: MenuItemProps) {
  const { parts } = useParts()
  return parts && <parts.MenuItem {...props} />
}

export function MenuLabel(props: { children: ReactNode }) {
  const { parts } = useParts()
  return parts && <parts.MenuLabel {...props} />
}

export function MenuLine() {
  const { parts } = useParts()
  return parts && <parts.MenuLine />
}

export function MenuSigns(props: MenuSignsProps) {
  const { parts } = useParts()
  return parts && <parts.MenuSigns {...props} />
}
