// A new token's secret is chosen at once, and copied by a button where the browser lets one.

const secret = document.getElementById("secret");
const copy = document.getElementById("copy");

if (secret) {
  secret.select();
  copy.hidden = false;
  copy.onclick = async () => {
    secret.select();
    try {
      await navigator.clipboard.writeText(secret.value);
    } catch {
      document.execCommand("copy"); // without TLS browsers keep the newer way to themselves
    }
    copy.textContent = copy.dataset.done;
  };
}
