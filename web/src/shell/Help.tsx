// All keys, by place.
import { useTranslation } from '@/i18n'
import { Dialog } from '@/ui/Dialog'
import { allCommands, useCommands } from './commands'
import { Shortcut } from './Shortcut'

export default function Help() {
  const { t } = useTranslation()
  const open = useCommands((state) => state.help)
  const commands = open ? allCommands().filter((command) => command.shortcut) : []
  const sections = [...new Set(commands.map((command) => command.section))]
  return (
    <Dialog open={open} onClose={() => useCommands.setState({ help: false })} title={t('help.title')} wide>
      <div className="grid gap-x-8 gap-y-5 sm:grid-cols-2">
        {sections.map((section) => (
          <section key={section}>
            <h3 className="mb-1 text-xs text-ink-3">{section}</h3>
            <ul>
              {commands
                .filter((command) => command.section === section)
                .map((command) => (
                  <li key={command.id} className="flex min-h-8 items-center justify-between gap-3 border-b border-line text-sm last:border-0">
                    {command.title}
                    <Shortcut keys={command.shortcut!} />
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
