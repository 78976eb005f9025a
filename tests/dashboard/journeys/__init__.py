"""What people do on the dashboard, in a real browser: what AppTest cannot see, such as a dialog that closes."""
