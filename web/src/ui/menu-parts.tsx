// What a menu is made of: see Menu.tsx.
import { Check } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import type { ReactNode } from 'react'
import { cx } from './cx'
import { Kbd } from './Kbd'
import type { MenuItemProps, MenuProps, MenuSignsProps } from './Menu'

/** Open when it first comes: it is there because it was asked for. */
export function Menu({ trigger, children, open, onOpenChange, align = 'start' }: MenuProps) {
  return (
    <DropdownMenu.Root open={open} defaultOpen onOpenChange={onOpenChange} modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="appear scroll-thin z-50 max-h-[70vh] min-w-52 overflow-y-auto rounded bg-raised p-1 shadow-float"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}

export function MenuItem({ children, onSelect, icon, checked, shortcut, danger }: MenuItemProps) {
  const className = cx(
    'flex h-8 cursor-pointer items-center gap-2 rounded-[5px] px-2 text-sm outline-none data-highlighted:bg-selected',
    danger ? 'text-danger' : 'text-ink',
  )
  const inside = (
    <>
      {icon && <span className="inline-flex w-5 shrink-0 justify-center text-ink-3">{icon}</span>}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {checked && <Check className="size-4 text-ink-2" aria-hidden />}
      {shortcut && <Kbd>{shortcut}</Kbd>}
    </>
  )
  if (checked === undefined) {
    return (
      <DropdownMenu.Item className={className} onSelect={onSelect}>
        {inside}
      </DropdownMenu.Item>
    )
  }
  return (
    <DropdownMenu.CheckboxItem className={className} checked={checked} onSelect={onSelect}>
      {inside}
    </DropdownMenu.CheckboxItem>
  )
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-2 pb-1 text-xs text-ink-3">{children}</DropdownMenu.Label>
}

export function MenuLine() {
  return <DropdownMenu.Separator className="my-1 h-px bg-line" />
}

/** A row of signs to choose one of. */
export function MenuSigns({ label, signs, chosen, onChoose }: MenuSignsProps) {
  return (
    <DropdownMenu.Group className="flex gap-0.5 px-1 pb-1" aria-label={label}>
      {signs.map((sign) => (
        <DropdownMenu.CheckboxItem
          key={sign}
          checked={sign === chosen}
          className="inline-flex size-8 cursor-pointer items-center justify-center rounded text-lg outline-none data-highlighted:bg-selected data-[state=checked]:bg-selected"
          onSelect={() => onChoose(sign)}
        >
          {sign}
        </DropdownMenu.CheckboxItem>
      ))}
    </DropdownMenu.Group>
  )
}
