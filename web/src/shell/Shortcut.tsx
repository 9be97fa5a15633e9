// A shortcut as keys.
import { Kbd, MOD } from '@/ui/Kbd'

export function Shortcut({ keys }: { keys: string }) {
  return (
    <span className="flex gap-1" dir="ltr">
      {keys.split(' ').flatMap((stroke, n) =>
        stroke.split('+').map((key) => <Kbd key={`${n}${key}`}>{key === 'mod' ? MOD : key === 'Escape' ? 'Esc' : key.length === 1 ? key.toUpperCase() : key}</Kbd>),
      )}
    </span>
  )
}
