import * as Ariakit from "@ariakit/react";
import { Icon } from "../widgets/icons.tsx";
import { chooseTheme, useThemeChoice, type ThemeChoice } from "./theme.ts";

const CHOICES: readonly { value: ThemeChoice; text: string; icon: "system" | "moon" | "sun" }[] = [
  { value: "system", text: "As the system", icon: "system" },
  { value: "dark", text: "Dark", icon: "moon" },
  { value: "light", text: "Light", icon: "sun" },
];

export function ThemeMenu() {
  const choice = useThemeChoice();
  const current = CHOICES.find((one) => one.value === choice) ?? CHOICES[0];
  return (
    <Ariakit.MenuProvider placement="right-end" values={{ theme: choice }} setValues={(values) => chooseTheme(values["theme"] as ThemeChoice)}>
      <Ariakit.MenuButton className="nav-button" aria-label={`Colours: ${current?.text}`}>
        <Icon name={current?.icon ?? "system"} size={18} />
      </Ariakit.MenuButton>
      <Ariakit.Menu className="popover menu" gutter={6} fixed unmountOnHide aria-label="Colours">
        {CHOICES.map((one) => (
          <Ariakit.MenuItemRadio key={one.value} name="theme" value={one.value} className="menu-item" hideOnClick>
            <Ariakit.MenuItemCheck>
              <Icon name="check" size={14} />
            </Ariakit.MenuItemCheck>
            {one.text}
          </Ariakit.MenuItemRadio>
        ))}
      </Ariakit.Menu>
    </Ariakit.MenuProvider>
  );
}
