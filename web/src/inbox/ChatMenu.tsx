// What one may do to a message of a chat: react, answer, change, take back. Beside the bubble, there when one is near it.
import { Copy, EllipsisVertical, Pencil, Reply, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Message } from '@/api/model'
import { useSession } from '@/api/session'
import { useTranslation } from '@/i18n'
import { IconButton } from '@/ui/Button'
import { Menu, MenuItem, MenuLabel, MenuLine, MenuSigns } from '@/ui/Menu'
import { begin, possible, react, remove } from './message-actions'

const EMOJI = ['👍', '❤️', '😂', '😮', '🙏', '✅']

export default function ChatMenu({ message }: { message: Message }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const readOnly = useSession((state) => state.me?.staff.role === 'read_only')
  if (readOnly || message.deletion) return null
  return (
    <div className={open ? '' : 'opacity-0 group-hover/message:opacity-100 focus-within:opacity-100 max-sm:opacity-60'}>
      <Menu
        open={open}
        onOpenChange={setOpen}
        align="end"
        trigger={<IconButton label={t('message.actions')} icon={<EllipsisVertical className="size-4" />} className="size-6" data-testid="message-menu" />}
      >
        {open && <Items message={message} />}
      </Menu>
    </div>
  )
}

function Items({ message }: { message: Message }) {
  const { t } = useTranslation()
  // When it was opened decides; the server has the last word.
  const [can] = useState(() => possible(message, Date.now()))
  const ours = message.reactions.find((sign) => sign.ours)?.emoji
  return (
    <>
      {can.react && (
        <>
          <MenuLabel>{t('message.react')}</MenuLabel>
          <MenuSigns label={t('message.react')} signs={EMOJI} chosen={ours} onChoose={(emoji) => void react(message, emoji === ours ? '' : emoji)} />
          <MenuLine />
        </>
      )}
      {can.answer && (
        <MenuItem icon={<Reply className="mirror-rtl size-4" />} onSelect={() => begin('answer', message)}>
          {t('message.answer')}
        </MenuItem>
      )}
      {message.body && (
        <MenuItem icon={<Copy className="size-4" />} onSelect={() => void navigator.clipboard.writeText(message.body)}>
          {t('message.copy')}
        </MenuItem>
      )}
      {can.edit && (
        <MenuItem icon={<Pencil className="size-4" />} onSelect={() => begin('edit', message)}>
          {t('message.edit')}
        </MenuItem>
      )}
      {can.remove && (
        <MenuItem danger icon={<Trash2 className="size-4" />} onSelect={() => void remove(message)}>
          {t('message.delete')}
        </MenuItem>
      )}
    </>
  )
}
