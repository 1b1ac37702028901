import { textButton } from './button.ts';
import { el } from './dom.ts';

/** Shows a modal dialog until it is closed; resolves with whether the button was pressed. */
export function confirmDialog(
  parent: HTMLElement,
  text: { title: string; message: string; confirm: string },
): Promise<boolean> {
  return new Promise((resolve) => {
    const close = (answer: boolean) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const dialog = el(
      'dialog',
      {
        class: 'dialog',
        testid: 'confirm',
        attrs: { 'aria-label': text.title },
        on: {
          cancel: (event) => {
            event.preventDefault();
            close(false);
          },
        },
      },
      el(
        'div',
        { class: 'dialog-body' },
        el('h2', {}, text.title),
        el('p', {}, text.message),
        el(
          'div',
          { class: 'card-actions' },
          textButton({ label: 'Cancel', testid: 'confirm-no', onClick: () => close(false) }),
          textButton({
            label: text.confirm,
            testid: 'confirm-yes',
            kind: 'danger',
            onClick: () => close(true),
          }),
        ),
      ),
    );
    parent.append(dialog);
    dialog.showModal();
  });
}
