// Buttons: the one thing to do is ink, the rest are quiet; danger is for what cannot be taken back.
import type { ComponentProps, ReactNode } from 'react'
import { cx } from './cx'
import { Hint } from './Hint'

type Kind = 'primary' | 'secondary' | 'quiet' | 'danger'

const kinds: Record<Kind, string> = {
  primary: 'bg-ink text-on-ink hover:opacity-85 disabled:opacity-45',
  secondary: 'border border-line-strong bg-surface text-ink hover:bg-hover disabled:text-ink-3',
  quiet: 'text-ink-2 hover:bg-hover hover:text-ink disabled:text-ink-3',
  danger: 'border border-danger text-danger bg-surface hover:bg-danger-soft disabled:opacity-50',
}

export interface ButtonProps extends ComponentProps<'button'> {
  kind?: Kind
  size?: 'sm' | 'md' | 'lg'
  icon?: ReactNode
}

export function Button({ kind = 'secondary', size = 'md', icon, className, children, type = 'button', ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={cx(
        'inline-flex shrink-0 items-center justify-center gap-1.5 rounded font-medium whitespace-nowrap transition-colors duration-100',
        size === 'sm' && 'h-7 px-2 text-xs',
        size === 'md' && 'h-8 px-3 text-sm',
        size === 'lg' && 'h-10 px-4 text-base',
        kinds[kind],
        className,
      )}
      {...rest}
    >
      {icon}
      {children}
    </button>
  )
}

interface IconButtonProps extends Omit<ComponentProps<'button'>, 'children'> {
  label: string
  icon: ReactNode
  shortcut?: string
  pressed?: boolean
  kind?: Kind
}

/** An icon alone: its words are in the tooltip and for screen readers. */
export function IconButton({ label, icon, shortcut, pressed, kind = 'quiet', className, type = 'button', ...rest }: IconButtonProps) {
  return (
    <Hint label={label} shortcut={shortcut}>
      <button
        type={type}
        aria-label={label}
        aria-pressed={pressed}
        className={cx(
          'inline-flex size-8 shrink-0 items-center justify-center rounded transition-colors duration-100',
          kinds[kind],
          pressed && 'bg-selected text-ink',
          className,
        )}
        {...rest}
      >
        {icon}
      </button>
    </Hint>
  )
}
