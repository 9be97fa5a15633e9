// A tooltip: the name of an icon and its key, for the pointer and for the keyboard's focus.
import { cloneElement, type ReactElement, type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { createPortal } from 'react-dom'
import { Kbd } from './Kbd'

const DELAY_MS = 350
const GAP = 6

interface HintProps {
  label: ReactNode
  shortcut?: string
  children: ReactElement
}

export function Hint({ label, shortcut, children }: HintProps) {
  const id = useId()
  const [anchor, setAnchor] = useState<Element | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const show = (element: Element, now: boolean) => {
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setAnchor(element), now ? 0 : DELAY_MS)
  }
  const hide = () => {
    clearTimeout(timer.current)
    setAnchor(null)
  }
  useEffect(() => () => clearTimeout(timer.current), [])
  useEffect(() => {
    if (!anchor) return
    const escape = (event: KeyboardEvent) => event.key === 'Escape' && setAnchor(null)
    document.addEventListener('keydown', escape)
    return () => document.removeEventListener('keydown', escape)
  }, [anchor])
  return (
    <span
      className="contents"
      // The button inside has the role and the name; this only watches it.
      role="presentation"
      onPointerOver={(event) => event.pointerType === 'mouse' && event.currentTarget.firstElementChild && show(event.currentTarget.firstElementChild, false)}
      onPointerOut={hide}
      onPointerDown={hide}
      onFocus={(event) => event.target.matches(':focus-visible') && show(event.target, true)}
      onBlur={hide}
    >
      {anchor ? cloneElement(children as ReactElement<Record<string, unknown>>, { 'aria-describedby': id }) : children}
      {anchor && createPortal(<Bubble id={id} anchor={anchor} label={label} shortcut={shortcut} />, document.body)}
    </span>
  )
}

function Bubble({ id, anchor, label, shortcut }: { id: string; anchor: Element; label: ReactNode; shortcut?: string }) {
  const bubble = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const element = bubble.current
    if (!element) return
    const at = anchor.getBoundingClientRect()
    const own = element.getBoundingClientRect()
    const x = Math.max(8, Math.min(innerWidth - own.width - 8, at.x + at.width / 2 - own.width / 2))
    const above = at.bottom + GAP + own.height > innerHeight - 8
    element.style.transform = `translate(${Math.round(x)}px, ${Math.round(above ? at.y - GAP - own.height : at.bottom + GAP)}px)`
  }, [anchor, label])
  return (
    // Placed by measured coordinates, which do not mirror.
    <div ref={bubble} id={id} role="tooltip" style={{ left: 0 }} className="pointer-events-none fixed top-0 z-50 flex items-center gap-2 rounded bg-ink px-2 py-1 text-xs text-on-ink">
      {label}
      {shortcut && <Kbd inverse>{shortcut}</Kbd>}
    </div>
  )
}
