// A person by initials; the colour is made from the id, so it is the same everywhere and always.
import { UserRound } from 'lucide-react'
import { cx } from './cx'

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter((word) => /\p{L}/u.test(word))
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : words
  return letters.map((word) => [...word].find((character) => /\p{L}/u.test(character)) ?? '').join('').toUpperCase()
}

/** Twelve hues that stay apart; never the lamp's. */
export function hue(id: string): number {
  let sum = 7
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) >>> 0
  return 95 + (sum % 12) * 21
}

const sizes = { xs: 'size-4.5 text-[9px]', sm: 'size-6 text-[10px]', md: 'size-8 text-xs', lg: 'size-12 text-lg' }

export function Avatar({ id, name, size = 'md', className }: { id: string; name: string | null; size?: keyof typeof sizes; className?: string }) {
  const letters = initials(name ?? '')
  return (
    <span
      aria-hidden
      className={cx('avatar inline-flex shrink-0 items-center justify-center rounded-full font-semibold select-none', sizes[size], className)}
      // A picture made of letters, not text: it is drawn by the style sheet.
      data-letters={letters}
      style={{ '--hue': hue(id) } as React.CSSProperties}
    >
      {!letters && <UserRound className="size-[55%]" />}
    </span>
  )
}
