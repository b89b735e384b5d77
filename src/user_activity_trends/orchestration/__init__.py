"""What an orchestrator needs: one task of a run as a process, and the DAGs made of such tasks."""
