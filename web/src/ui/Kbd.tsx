// A key, as it looks on a keyboard.
import { cx } from './cx'

export function Kbd({ children, inverse }: { children: string; inverse?: boolean }) {
  return (
    <kbd
      dir="ltr"
      className={cx(
        'inline-flex h-4.5 min-w-4.5 items-center justify-center rounded-[4px] border px-1 font-sans text-2xs',
        inverse ? 'border-on-ink/30 text-on-ink' : 'border-line-strong bg-surface text-ink-3',
      )}
    >
      {children}
    </kbd>
  )
}

const apple = typeof navigator !== 'undefined' && /mac|iphone|ipad/i.test(navigator.platform)

/** The command key's name on this computer. */
export const MOD = apple ? '⌘' : 'Ctrl'
