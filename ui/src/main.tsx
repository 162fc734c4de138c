import "./styles/index.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createQueryClient } from "./api/hooks.ts";
import { routerBase } from "./api/base.ts";
import { App } from "./app/app.tsx";
import { placeOfMlflowLink } from "./app/mlflow-links.ts";
import { startTheme } from "./app/theme.ts";

startTheme();

const place = placeOfMlflowLink(window.location.hash);
if (place !== undefined) window.history.replaceState(null, "", routerBase() + place);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={createQueryClient()}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
